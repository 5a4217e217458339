"""What Wellhead is expected to reach, next to what it reached in a run."""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.speed.peer import BASE, USUAL
from bench.speed.ratio import Spread
from bench.speed.result import Result
from bench.speed.setting import Setting

COMPILED, SESSION = "wellhead_compiled", "wellhead_session"
_OF_ITS_KIND = (
    *(USUAL, "sqlmodel_tutorial", "advanced_alchemy_service", "fastapi_sqla_session"),
    *("fastsqla_session", "full_stack_template"),
)
"""Peers that have a session of SQLAlchemy's in each request."""

_NEAR, _FAR = Setting().name, Setting(connections=1, link=5).name


@dataclass(frozen=True, slots=True)
class Expectation:
    """One figure that is to be reached.

    Attributes:
        told: Of what.
        found: What it was; None where it was not measured.
        limit: The figure.
        is_least: Whether more is better.
    """

    told: str
    found: Spread | None
    limit: float
    is_least: bool = True

    def __str__(self) -> str:
        word = "at least" if self.is_least else "at most"
        if self.found is None:
            return f"| {self.told} | {word} {self.limit:g} | - | not measured |"
        reached = (
            self.found.median >= self.limit if self.is_least else self.found.median <= self.limit
        )
        return (
            f"| {self.told} | {word} {self.limit:g} | {self.found} | "
            f"{'yes' if reached else '**no**'} |"
        )


def table(expectations: Iterable[Expectation]) -> str:
    """A row for each."""
    lines = ["| | expected | measured | reached |", "|---|---|---|---|"]
    return "\n".join([*lines, *map(str, expectations)])


def expectations(result: Result) -> Iterator[Expectation]:
    """All of Wellhead's."""

    def near(peer: str, operation: str, to: str) -> Spread | None:
        return result.ratio(_NEAR, operation, peer, "rate", to=to)

    def far(peer: str, operation: str, to: str = BASE) -> Spread | None:
        return result.ratio(_FAR, operation, peer, "p50", to=to)

    asyncpg, usual = "FastAPI + asyncpg", "the usual way"
    yield Expectation(f"compiled read, requests/s by {asyncpg}", near(COMPILED, "read", BASE), 0.85)
    yield Expectation(
        f"compiled write, requests/s by {asyncpg}", near(COMPILED, "write", BASE), 0.85
    )
    yield Expectation(f"`ReaderDep`, requests/s by {usual}", near(SESSION, "read", USUAL), 1.2)
    yield Expectation(f"`SessionDep`, requests/s by {usual}", near(SESSION, "write", USUAL), 1.0)
    yield Expectation(
        f"`SessionDep`, round trips by {usual}", _trips(result, SESSION, USUAL), 0.5, is_least=False
    )
    for operation, name in (("read", "`ReaderDep`"), ("write", "`SessionDep`")):
        yield Expectation(
            f"{name}, requests/s by the best of its kind",
            min(
                filter(None, (near(SESSION, operation, peer) for peer in _OF_ITS_KIND)),
                key=lambda found: found.median,
                default=None,
            ),
            1.0,
        )
    for told, peer, operation, limit in (
        ("compiled read", COMPILED, "read", 1.05),
        ("`ReaderDep`", SESSION, "read", 1.2),
        ("compiled write", COMPILED, "write", 1.1),
    ):
        yield Expectation(
            f"{told}, median time at 5 ms by {asyncpg}", far(peer, operation), limit, is_least=False
        )
    for operation in ("read", "write"):
        yield Expectation(
            f"compiled {operation}, median time at 5 ms by {usual}",
            far(COMPILED, operation, USUAL),
            0.2,
            is_least=False,
        )
    yield Expectation(
        "`import wellhead.fastapi`, CPU time by its third-party packages",
        Spread.of(ours / theirs for ours, theirs in result.imports),
        1.15,
        is_least=False,
    )


def _trips(result: Result, peer: str, to: str) -> Spread | None:
    counted = [result.round_trips.get(each, {}).get("write") for each in (peer, to)]
    if None in counted:
        return None
    mine, theirs = (statistics.fmean([each]) for each in counted if each)
    return Spread.of([mine / theirs])
