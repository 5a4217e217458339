"""The figures of the live page, as ``/db/figures`` has them; docs/reference/fastapi.md."""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

VERSION: Final = 1
"""The version of the figures that this module knows."""


class _Figures(BaseModel, extra="allow"):
    """A part of the figures; a newer service may tell more."""


class Quantiles(_Figures):
    """Durations in seconds; None if there were none."""

    p50: float | None
    p99: float | None


class PoolFigures(_Figures):
    """The connections of all processes."""

    mode: str
    active: int
    idle: int
    opening: int
    waiting: int
    limit: int | None
    acquired: int
    timeouts: int
    saturated: int


class HeldConnection(_Figures):
    """Work that holds a connection now."""

    process: int
    what: str | None
    seconds: float
    line: str | None


class StatementFigures(_Figures):
    """One statement without its values; times in seconds."""

    shape: str
    count: int
    seconds: float
    mean: float
    slowest: float


class ReadinessFigures(_Figures):
    """Whether the service is ready; the age of what it knows in seconds."""

    is_ready: bool
    state: str
    detail: str | None
    age: float | None


class MigrationFigures(_Figures):
    """The revisions of the schema and of the program."""

    current: list[str]
    head: list[str]
    is_current: bool


class DatabaseFigures(_Figures):
    """One database, as all processes that responded see it."""

    name: str
    pool: PoolFigures
    wait: Quantiles
    hold: Quantiles
    holders: list[HeldConnection]
    statements: list[StatementFigures]
    errors: Mapping[str, int]
    retries: int
    unknown_outcomes: int
    readiness: ReadinessFigures
    migrations: MigrationFigures | None


class Processes(_Figures):
    """How many there are, how many responded, and how they were asked."""

    expected: int
    answered: int
    how: str


class PageFigures(_Figures):
    """Everything that the page shows."""

    version: int
    at: str
    processes: Processes
    databases: list[DatabaseFigures]
