"""The routes about the database: alive, answering, and how busy its pool is."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from wellhead.fastapi.dependencies import database_of
from wellhead.fastapi.problems import problem_response, problem_responses

router = APIRouter()


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"
    app: str = Field(description="The application's name.")
    version: str = Field(description="The application's version.")


class DatabaseHealth(BaseModel):
    """What is known of the database."""

    status: Literal["healthy"] = "healthy"
    database: Literal["connected", "idle"] = Field(
        description="`idle`: nothing was heard lately, and asking would wake it."
    )
    evidence: Literal["traffic", "probe", "none"] = Field(description="Where this is known from.")
    age: float | None = Field(description="Seconds since it was observed.")
    migrations: Literal["at_head", "ahead"] | None = Field(
        description="`ahead`: a newer program has migrated the schema. Null where nobody looks."
    )


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


@router.get("/health", tags=["Health"], summary="Is the process alive?")
async def health(request: Request) -> Alive:
    """Answers as long as the process does; asks the database nothing."""
    return Alive(app=request.app.title, version=request.app.version)


@router.get(
    "/health/db",
    tags=["Health"],
    summary="Does the database answer, and is its schema new enough?",
    response_model=DatabaseHealth,
    responses=problem_responses(503),
)
async def database_health(request: Request) -> Response | DatabaseHealth:
    """Tells what real traffic saw; without recent traffic it asks, unless that would wake it."""
    report = await database_of(request).check()
    age = None if report.age is None else round(report.age, 3)
    if report.state == "unavailable":
        return problem_response(
            503,
            title="The database is not available.",
            type=f"urn:wellhead:{report.fault}",
            headers={"Retry-After": "5"},
            database=report.state,
            evidence=report.evidence,
            age=age,
        )
    if report.state == "behind":
        return problem_response(
            503,
            title="The schema of the database is behind; it has to be migrated.",
            type="urn:wellhead:schema-behind",
            headers={"Retry-After": "5"},
            database=report.state,
            evidence=report.evidence,
            age=age,
        )
    return DatabaseHealth(
        database=report.state,
        evidence=report.evidence,
        age=age,
        migrations=report.schema and report.schema.position,
    )


@router.get("/db/pool-status", tags=["Health"], summary="How busy is the connection pool?")
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
