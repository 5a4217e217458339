"""The probes: alive, started, ready, and what is known of the database and of its pool."""

from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from wellhead.fastapi.dependencies import database_of
from wellhead.fastapi.problems import problem_response, problem_responses
from wellhead.health import HealthReport

router = APIRouter(tags=["Health"])

_TITLES = {
    "draining": "The server is about to end.",
    "starting": "The server has not started yet.",
    "behind": "The schema of the database is behind; it has to be migrated.",
    "unavailable": "The database is not available.",
    "saturated": "Too many requests are waiting for the database.",
    "read_only": "The database accepts no changes at the moment.",
}
_RETRY_AFTER = "5"

Evidence = Literal["traffic", "probe", "none"]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"
    app: str = Field(description="The application's name.")
    version: str = Field(description="The application's version.")


class Started(BaseModel):
    """The process has been ready once."""

    status: Literal["started"] = "started"


class Ready(BaseModel):
    """The process should get requests."""

    status: Literal["ready"] = "ready"
    database: Literal["connected", "idle", "saturated", "read_only"] = Field(
        description="`saturated`: some requests are refused. `read_only`: changes are refused."
    )


class DatabaseHealth(BaseModel):
    """What is known of the database."""

    status: Literal["healthy"] = "healthy"
    database: Literal["connected", "idle"] = Field(
        description="`idle`: nothing was heard lately, and asking would wake it."
    )
    evidence: Evidence = Field(description="Where this is known from.")
    age: float | None = Field(description="Seconds since it was observed.")
    migrations: Literal["at_head", "ahead"] | None = Field(
        description="`ahead`: a newer program has migrated the schema. Null where nobody looks."
    )


class PoolStatus(BaseModel):
    """How busy the connection pool is."""

    model_config = ConfigDict(from_attributes=True)

    mode: Literal["pool", "none", "static"] = Field(description="Which kind of pool it is.")
    reason: str = Field(description="Why it is of this kind.")
    pool_size: int = Field(description="Connections kept open.")
    checked_in: int = Field(description="Open connections that are free.")
    checked_out: int = Field(description="Connections in use.")
    overflow: int = Field(description="Connections open beyond `pool_size`.")
    total: int = Field(description="Connections open now.")
    utilization: Annotated[float, AfterValidator(lambda share: round(share, 2))] = Field(
        description="Connections in use, in percent of `pool_size`."
    )


@router.get("/health", summary="Is the process alive?")
@router.get("/health/live", summary="Is the process alive?", name="live")
async def health(request: Request) -> Alive:
    """Answers as long as the process does; asks the database nothing."""
    return Alive(app=request.app.title, version=request.app.version)


@router.get(
    "/health/startup",
    summary="Has the process been ready once?",
    response_model=Started,
    responses=problem_responses(503),
)
async def startup(request: Request) -> Response | Started:
    """Tells whether the database was open and its schema new enough once; then asks nothing."""
    database = database_of(request)
    if not database.is_started:
        report = await database.check()
        if not database.is_started:
            return _refusal("behind" if report.state == "behind" else "starting", report)
    return Started()


@router.get(
    "/health/ready",
    summary="Should this process get requests?",
    response_model=Ready,
    responses=problem_responses(503),
)
async def ready(request: Request) -> Response | Ready:
    """Tells no before it has started, while it drains, and while the database is not there."""
    readiness = await database_of(request).ready()
    if readiness.is_ready:
        return Ready.model_validate({"database": readiness.health.state})
    return _refusal(readiness.reason or "unavailable", readiness.health)


@router.get(
    "/health/db",
    summary="Does the database answer, and is its schema new enough?",
    response_model=DatabaseHealth,
    responses=problem_responses(503),
)
async def database_health(request: Request) -> Response | DatabaseHealth:
    """Tells what real traffic saw; without recent traffic it asks, unless that would wake it."""
    report = await database_of(request).check()
    if not report.is_healthy:
        return _refusal(report.state, report)
    return DatabaseHealth.model_validate(
        {
            "database": report.state,
            "evidence": report.evidence,
            "age": _rounded(report.age),
            "migrations": report.schema and report.schema.position,
        }
    )


@router.get("/db/pool-status", summary="How busy is the connection pool?")
async def pool_status(request: Request) -> PoolStatus:
    """Reads the figures; costs no query and never waits."""
    return PoolStatus.model_validate(database_of(request).stats())


def add_probes(app: FastAPI) -> None:
    """Add the routes to an application."""
    for route in router.routes:
        assert isinstance(route, APIRoute)  # noqa: S101 - all that this router is given
        app.add_api_route(
            route.path,
            route.endpoint,
            name=route.name,
            summary=route.summary,
            tags=route.tags,
            response_model=route.response_model,
            responses=route.responses,
        )


def _refusal(reason: str, report: HealthReport) -> Response:
    return problem_response(
        503,
        title=_TITLES[reason],
        type=f"urn:wellhead:{_kind_of(reason, report)}",
        headers={"Retry-After": _RETRY_AFTER},
        database=report.state,
        evidence=report.evidence,
        age=_rounded(report.age),
    )


def _kind_of(reason: str, report: HealthReport) -> str:
    if reason == "draining":
        return "draining"
    if reason == "behind":
        return "schema_behind"
    return str(report.fault or "starting")


def _rounded(age: float | None) -> float | None:
    return None if age is None else round(age, 3)
