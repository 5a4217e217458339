"""Histograms of how long statements, new connections, waits for one and their uses take."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self
from weakref import WeakKeyDictionary

from opentelemetry.metrics import Histogram, Meter

from wellhead.pool.observing import Observer
from wellhead.settings import DatabaseSettings
from wellhead.telemetry.attributes import attributes_of, failure_of, operation_of

BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""The bounds that the conventions advise, in seconds; a view of the application replaces them."""


@dataclass(frozen=True, slots=True)
class Instruments:
    """The histograms, which all databases share."""

    operation: Histogram
    create: Histogram
    wait: Histogram
    use: Histogram

    @classmethod
    def of(cls, meter: Meter) -> Self:
        """Create them."""

        def histogram(name: str, meaning: str) -> Histogram:
            return meter.create_histogram(
                name, unit="s", description=meaning, explicit_bucket_boundaries_advisory=BOUNDS
            )

        return cls(
            histogram("db.client.operation.duration", "Time statements and COMMITs took."),
            histogram("db.client.connection.create_time", "Time connections took to open."),
            histogram("db.client.connection.wait_time", "Time callers waited."),
            histogram("db.client.connection.use_time", "Time connections were held."),
        )


class Durations(Observer):
    """Records what one database has done.

    Args:
        instruments: Where.
        pool: The name of the pool.
        settings: Those of the database.
    """

    def __init__(self, instruments: Instruments, pool: str, settings: DatabaseSettings) -> None:
        self._into = instruments
        self._of_pool = {"db.client.connection.pool.name": pool}
        self._of_database = attributes_of(settings)
        self._lent: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def connected(self, seconds: float) -> None:
        """A connection was opened."""
        self._into.create.record(seconds, self._of_pool)

    def waited(self, seconds: float, error: BaseException | None) -> None:
        """A connection was acquired."""
        if error is None:
            self._into.wait.record(seconds, self._of_pool)

    def lent(self, connection: Any) -> None:
        """Its use begins."""
        self._lent[connection] = perf_counter()

    def returned(self, connection: Any) -> None:
        """Its use has ended."""
        began = self._lent.pop(connection, None)
        if began is not None:
            self._into.use.record(perf_counter() - began, self._of_pool)

    def ran(
        self, statement: str, shape: str | None, seconds: float, error: BaseException | None
    ) -> None:
        """A statement was run."""
        del shape
        self._record(operation_of(statement), seconds, failure_of(error))

    def committed(self, seconds: float, error: BaseException | None) -> None:
        """A transaction was committed."""
        self._record("COMMIT", seconds, failure_of(error))

    def _record(self, operation: str, seconds: float, failure: Mapping[str, str]) -> None:
        attributes = {**self._of_database, "db.operation.name": operation, **failure}
        self._into.operation.record(seconds, attributes)
