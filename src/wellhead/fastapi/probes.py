"""The probes: alive, started, ready, and what is known about the database and its pool."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.routing import Match
from starlette.types import Scope

from wellhead.fastapi.forms import failure_response, failure_responses
from wellhead.fastapi.installed import MAIN, Installed, installed_for
from wellhead.health import HealthReport
from wellhead.health.readiness import Readiness

T = TypeVar("T")
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_TITLES = {
    "draining": "The server is shutting down.",
    "starting": "The server has not started yet.",
    "behind": "The database schema is behind; it has to be migrated.",
    "unavailable": "The database is not available.",
    "saturated": "Too many requests are waiting for the database.",
    "read_only": "The database accepts no changes at the moment.",
}
_RETRY_AFTER = "5"

Evidence = Literal["traffic", "probe", "none"]


class Reported(BaseModel):
    """A response: every member is there, also one with a default."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Alive(Reported):
    """The process responds."""

    status: Literal["alive"] = "alive"
    app: str = Field(description="The application's name.")
    version: str = Field(description="The application's version.")


class Started(Reported):
    """The process has been ready once."""

    status: Literal["started"] = "started"


class Ready(Reported):
    """The process should get requests."""

    status: Literal["ready"] = "ready"
    database: Literal["connected", "idle", "saturated", "read_only", "unavailable"] = Field(
        description="`saturated`: some requests are refused. `read_only`: changes are refused. "
        "`unavailable`: replicas serve reads, and all else is refused."
    )


class DatabaseHealth(Reported):
    """What is known about the database."""

    status: Literal["healthy"] = "healthy"
    database: Literal["connected", "idle"] = Field(
        description="`idle`: there was no recent traffic, and a query would wake the database."
    )
    evidence: Evidence = Field(description="How this is known.")
    age: float | None = Field(description="Seconds since it was observed.")
    migrations: Literal["at_head", "ahead"] | None = Field(
        description="`ahead`: a newer program has migrated the schema. Null if it is not checked."
    )


class PoolStatus(BaseModel):
    """How busy the connection pool is."""

    model_config = ConfigDict(from_attributes=True)

    mode: Literal["pool", "none", "static"] = Field(description="The kind of pool.")
    reason: str = Field(description="Why it is of this kind.")
    pool_size: int = Field(description="Connections kept open.")
    checked_in: int = Field(description="Open connections that are idle.")
    checked_out: int = Field(description="Connections in use.")
    overflow: int = Field(description="Connections open beyond `pool_size`.")
    total: int = Field(description="Connections open now.")
    utilization: Annotated[float, AfterValidator(lambda share: round(share, 2))] = Field(
        description="Connections in use, in percent of `pool_size`."
    )


class ReadyOfEach(Ready):
    """The process should get requests; it has several databases."""

    databases: dict[str, str] = Field(description="The state of each database, by name.")


class HealthOfEach(DatabaseHealth):
    """What is known about the main database, and about each."""

    databases: dict[str, DatabaseHealth] = Field(description="The same for each database, by name.")


class PoolOfEach(PoolStatus):
    """How busy the main database's pool is, and that of each database."""

    databases: dict[str, PoolStatus] = Field(description="The same for each database, by name.")


@dataclass(frozen=True, slots=True)
class Probe:
    """A route, before it is added to an application.

    Attributes:
        path: The path below the application's prefix.
        endpoint: The function that serves it.
        summary: Its summary in the OpenAPI document.
        model: The response's model.
        name: The route's name; None for the function's.
        statuses: The statuses of other responses.
    """

    path: str
    endpoint: Callable[..., Any]
    summary: str
    model: type[BaseModel]
    name: str | None = None
    statuses: tuple[int, ...] = ()


PROBES: list[Probe] = []
"""All of them, in order."""


def _probe(
    path: str,
    summary: str,
    model: type[BaseModel],
    *,
    name: str | None = None,
    statuses: tuple[int, ...] = (),
) -> Callable[[Endpoint], Endpoint]:
    # Not a router's decorator, which would create every route twice.
    def keep(endpoint: Endpoint) -> Endpoint:
        PROBES.append(Probe(path, endpoint, summary, model, name, statuses))
        return endpoint

    return keep


_OF_EACH = {Ready: ReadyOfEach, DatabaseHealth: HealthOfEach, PoolStatus: PoolOfEach}


@_probe("/health", "Is the process alive?", Alive)
@_probe("/health/live", "Is the process alive?", Alive, name="live")
async def health(request: Request) -> Alive:
    """Responds as long as the process does; sends the database no query."""
    return Alive(app=request.app.title, version=request.app.version)


@_probe("/health/startup", "Has the process been ready once?", Started, statuses=(503,))
async def startup(request: Request) -> Response | Started:
    """Whether the database has once been open with a new enough schema; then sends no query."""
    databases = installed_for(request).databases
    waited_for = {name: each for name, each in databases.items() if not each.is_started}
    if waited_for:
        reports = await _asked(each.check() for each in waited_for.values())
        states = {name: each.last_known() for name, each in databases.items()}
        for (name, database), report in zip(waited_for.items(), reports, strict=True):
            states[name] = report
            if not database.is_started:
                reason = "behind" if report.state == "behind" else "starting"
                return _refusal(request, reason, report, states)
    return Started()


@_probe("/health/ready", "Should this process get requests?", Ready, statuses=(503,))
async def ready(request: Request) -> Response | Ready:
    """Refuses before the process has started, while it drains, and while the database is away."""
    installed = installed_for(request)
    found: list[Readiness] = await _asked(each.ready() for each in installed.databases.values())
    reports = dict(zip(installed.databases, (each.health for each in found), strict=True))
    for each in found:
        if not each.is_ready:
            return _refusal(request, each.reason or "unavailable", each.health, reports)
    body: dict[str, Any] = {"database": reports[MAIN].state}
    if installed.is_one:
        return Ready.model_validate(body)
    return ReadyOfEach.model_validate({**body, "databases": _states(reports)})


@_probe(
    "/health/db",
    "Does the database respond, and is its schema new enough?",
    DatabaseHealth,
    statuses=(503,),
)
async def database_health(request: Request) -> Response | DatabaseHealth:
    """Reports what real traffic saw; without recent traffic it asks, unless that would wake it."""
    installed = installed_for(request)
    found: list[HealthReport] = await _asked(each.check() for each in installed.databases.values())
    reports = dict(zip(installed.databases, found, strict=True))
    for report in found:
        if not report.is_healthy:
            return _refusal(request, report.state, report, reports)
    bodies = {name: _health_of(report) for name, report in reports.items()}
    if installed.is_one:
        return DatabaseHealth.model_validate(bodies[MAIN])
    return HealthOfEach.model_validate({**bodies[MAIN], "databases": bodies})


@_probe("/db/pool-status", "How busy is the connection pool?", PoolStatus)
async def pool_status(request: Request) -> PoolStatus:
    """Reads the pool's figures; sends no query and never waits."""
    installed = installed_for(request)
    found = {
        name: PoolStatus.model_validate(each.stats()) for name, each in installed.databases.items()
    }
    if installed.is_one:
        return found[MAIN]
    return PoolOfEach.model_validate({**found[MAIN].model_dump(), "databases": found})


class ProbeRoute(APIRoute):
    """A route without parameters, which requests for other routes pass in one step."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is for this route; FastAPI looks closer if it may be."""
        if not scope["path"].endswith(self.path):
            return ANOTHER
        return super().matches(scope)


# In Python 3.11, looking up a member of an enumeration takes longer than the rest of matches().
ANOTHER: tuple[Match, Scope] = (Match.NONE, {})


def add_probes(app: FastAPI, installed: Installed, *, prefix: str, include_in_schema: bool) -> None:
    """Add the routes to an application."""
    for probe in PROBES:
        model = probe.model
        app.router.add_api_route(
            f"{prefix}{probe.path}",
            probe.endpoint,
            name=probe.name,
            summary=probe.summary,
            tags=["Health"],
            response_model=model if installed.is_one else _OF_EACH.get(model, model),
            responses=failure_responses(installed.errors, *probe.statuses),
            include_in_schema=include_in_schema,
            route_class_override=ProbeRoute,
        )


async def _asked(questions: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    first, *others = questions
    # A single coroutine needs no task.
    return await asyncio.gather(first, *others) if others else [await first]


def _health_of(report: HealthReport) -> dict[str, Any]:
    return {
        "database": report.state,
        "evidence": report.evidence,
        "age": _rounded(report.age),
        "migrations": report.schema and report.schema.position,
    }


def _states(reports: Mapping[str, HealthReport]) -> dict[str, str]:
    return {name: report.state for name, report in reports.items()}


def _refusal(
    request: Request, reason: str, report: HealthReport, reports: Mapping[str, HealthReport]
) -> Response:
    return failure_response(
        request,
        503,
        title=_TITLES[reason],
        type=f"urn:wellhead:{_kind_of(reason, report)}",
        headers={"Retry-After": _RETRY_AFTER},
        database=report.state,
        evidence=report.evidence,
        **({"age": age} if (age := _rounded(report.age)) is not None else {}),
        **({"databases": _states(reports)} if len(reports) > 1 else {}),
    )


def _kind_of(reason: str, report: HealthReport) -> str:
    if reason == "draining":
        return "draining"
    if reason == "behind":
        return "schema_behind"
    return str(report.fault or "starting")


def _rounded(age: float | None) -> float | None:
    return None if age is None else round(age, 3)
