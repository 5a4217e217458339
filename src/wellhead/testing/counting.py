"""How many round trips a piece of a test takes, and which queries it runs."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from wellhead.testing.conversation import Statements
from wellhead.testing.overheard import overheard_now
from wellhead.testing.statement_text import is_query, without_values

_WIDTH = 300


@dataclass(slots=True)
class RoundTrips:
    """What was sent to the database in a block; it grows while the block runs.

    Attributes:
        round_trips: How often the application sent something and waited for the response, counted
            on the network: statements, BEGIN and COMMIT, opening a connection and preparing a
            statement.
        queries: The statements that read or change data, in order, with `…` for each value. BEGIN,
            COMMIT, savepoints, SET and a driver's own queries do not count. A statement for many
            rows counts once.
    """

    round_trips: int = 0
    queries: list[str] = field(default_factory=list)

    def note(self, statements: Statements) -> None:
        """Count one round trip."""
        self.round_trips += 1
        shown = map(without_values, statements)
        self.queries += [statement for statement in shown if is_query(statement)]

    def __str__(self) -> str:
        places: dict[str, list[int]] = {}
        for place, query in enumerate(self.queries, start=1):
            places.setdefault(query, []).append(place)
        lines = [
            f"{_places(found)}. {query[:_WIDTH]}{'…' if len(query) > _WIDTH else ''}"
            for query, found in places.items()
        ]
        asked = _many(len(self.queries), "query", "queries")
        trips = _many(self.round_trips, "round trip", "round trips")
        return "\n".join([f"{asked} in {trips}:", *lines])


@contextmanager
def count_round_trips() -> Iterator[RoundTrips]:
    """Count what goes to the database while the block runs.

    Everything that goes through a database of the pytest plugin is counted: sessions, readers,
    units of work, compiled queries and an engine's connections, with either driver, in the test
    itself, in a concurrent task, and in an application in another thread. In a test that is one
    transaction the counts are the same as with real commits.

    >>> with count_round_trips() as trips:
    ...     client.get("/items")
    ... assert trips.round_trips == 1

    The first uses of a connection take more round trips: asyncpg prepares each statement at its
    first use, psycopg after its fifth, and asyncpg queries your own types once. The queries stay
    the same.

    Raises:
        ConfigurationError: No database of the plugin is in use, or its URL insists on TLS.
    """
    with _counting("count_round_trips()") as trips:
        yield trips


@contextmanager
def assert_max_queries(most: int) -> Iterator[RoundTrips]:
    """Fail if the block runs more queries than that, and list them.

    Args:
        most: How many may be run; see :attr:`RoundTrips.queries` for what counts.

    Raises:
        AssertionError: There were more. The message lists each query once, without values, with
            its positions, and names the one that was run most often.
        ConfigurationError: No database of the plugin is in use, or its URL insists on TLS.
    """
    with _counting("assert_max_queries()") as trips:
        yield trips
    if len(trips.queries) > most:
        raise AssertionError(_too_many(trips, most))


@contextmanager
def _counting(instrument: str) -> Iterator[RoundTrips]:
    trips = RoundTrips()
    with ExitStack() as stack:
        for each in overheard_now(instrument):
            stack.enter_context(each.telling(trips.note))
        yield trips


def _too_many(trips: RoundTrips, most: int) -> str:
    message = f"At most {_many(most, 'query', 'queries')} may be run here. There were {trips}"
    [(query, count)] = Counter(trips.queries).most_common(1)
    if count > 1:
        first = trips.queries.index(query) + 1
        message += (
            f"\nQuery {first} was run {count} times. If it runs once for each row of another "
            "query (N+1), load these rows together with that query: selectinload(...), or IN."
        )
    return message


def _places(found: list[int]) -> str:
    if len(found) == 1:
        return f"  {found[0]}"
    return f"  {', '.join(map(str, found))} ({len(found)} times)"


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
