"""What one request does with its databases: how long it takes, how often, and what it repeats."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from wellhead.pool.holders import frames_here, place_of
from wellhead.pool.observing import Exchanges, Observer, exchanges_of


@dataclass(slots=True)
class Repeated:
    """A statement that was run several times.

    Attributes:
        statement: Its text, at the first time.
        count: How often it was run.
        most: How often it may be run without a warning.
        place: The line that ran it once too often; None until then, or if there is none.
    """

    statement: str
    count: int = 0
    most: int = 0
    place: str | None = None


class RequestTally:
    """Adds up what one request does.

    Attributes:
        seconds: In statements and COMMITs.
        wait_seconds: Waiting for connections.
        queries: Statements, without BEGIN, COMMIT and ROLLBACK.
        round_trips: How often something was sent and waited for, on connections that were
            returned; None if that is unknown.
    """

    __slots__ = ("_repeated", "queries", "round_trips", "seconds", "wait_seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.wait_seconds = 0.0
        self.queries = 0
        self.round_trips: int | None = None
        self._repeated: dict[str, Repeated] = {}

    def note_shape(self, statement: str, shape: str, most: int) -> None:
        """Note that a statement was run."""
        found = self._repeated.get(shape)
        if found is None:
            found = self._repeated[shape] = Repeated(statement, most=most)
        found.count += 1
        if found.count == found.most + 1:
            found.place = place_of(frames_here())

    def repeated_too_often(self) -> list[Repeated]:
        """The statements that were run more often than they may be."""
        return [each for each in self._repeated.values() if each.count > each.most]


current_tally: ContextVar[RequestTally | None] = ContextVar("wellhead_tally", default=None)
"""The tally of the request that the running task serves."""


@contextmanager
def tallying() -> Iterator[RequestTally]:
    """Add up what the block does, in the databases whose settings ask for it."""
    tally = RequestTally()
    token = current_tally.set(tally)
    try:
        yield tally
    finally:
        current_tally.reset(token)


class TallyObserver(Observer):
    """Adds what one database does to the tally of the request.

    Args:
        most: How often a request may run one statement; None for any number.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._begun: WeakKeyDictionary[Any, tuple[RequestTally, Exchanges, int]] = (
            WeakKeyDictionary()
        )

    def waited(self, seconds: float, error: BaseException | None) -> None:
        """A connection was acquired."""
        del error
        tally = current_tally.get()
        if tally is not None:
            tally.wait_seconds += seconds

    def lent(self, connection: Any) -> None:
        """A connection is about to be used."""
        tally, exchanges = current_tally.get(), exchanges_of(connection)
        if tally is not None and exchanges is not None:
            self._begun[connection] = tally, exchanges, exchanges.count

    def returned(self, connection: Any) -> None:
        """It was used."""
        begun = self._begun.pop(connection, None)
        if begun is not None:
            tally, exchanges, before = begun
            tally.round_trips = (tally.round_trips or 0) + exchanges.count - before

    def ran(
        self, statement: str, shape: str | None, seconds: float, error: BaseException | None
    ) -> None:
        """A statement was run."""
        del error
        tally = current_tally.get()
        if tally is None:
            return
        tally.seconds += seconds
        tally.queries += 1
        if self._most is not None and shape is not None:
            tally.note_shape(statement, shape, self._most)

    def committed(self, seconds: float, error: BaseException | None) -> None:
        """A transaction was committed."""
        del error
        tally = current_tally.get()
        if tally is not None:
            tally.seconds += seconds
