"""The route about the pool."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from wellhead.fastapi.dependencies import database_of

router = APIRouter(tags=["Health"])


class PoolStatus(BaseModel):
    """How busy the connection pool is."""

    mode: Literal["pool", "none", "static"] = Field(description="Which kind of pool it is.")
    reason: str = Field(description="Why it is of this kind.")
    pool_size: int = Field(description="Connections kept open.")
    checked_in: int = Field(description="Open connections that are free.")
    checked_out: int = Field(description="Connections in use.")
    overflow: int = Field(description="Connections open beyond `pool_size`.")
    total: int = Field(description="Connections open now.")
    utilization: float = Field(description="Connections in use, in percent of `pool_size`.")


@router.get("/db/pool-status", summary="How busy is the connection pool?")
async def pool_status(request: Request) -> PoolStatus:
    """Reads the figures; costs no query and never waits."""
    stats = database_of(request).stats()
    return PoolStatus(
        mode=stats.mode,
        reason=stats.reason,
        pool_size=stats.pool_size,
        checked_in=stats.checked_in,
        checked_out=stats.checked_out,
        overflow=stats.overflow,
        total=stats.total,
        utilization=round(stats.utilization, 2),
    )
