"""The spans of a database: each acquired connection, each statement, each COMMIT."""

from collections.abc import Mapping
from time import time_ns

from opentelemetry.trace import SpanKind, StatusCode, Tracer

from wellhead.pool.observing import Observer
from wellhead.sessions.statements import digest_of
from wellhead.settings import DatabaseSettings
from wellhead.telemetry.attributes import attributes_of, failure_of, operation_of


class Spans(Observer):
    """Makes a span of everything that one database has done.

    Their parent is the span that is current then, such as that of the route, which the
    application's instrumentation of FastAPI makes.

    Args:
        tracer: Makes them.
        pool: The name of the pool.
        settings: Those of the database.
    """

    def __init__(self, tracer: Tracer, pool: str, settings: DatabaseSettings) -> None:
        self._tracer = tracer
        self._of_pool = {"db.client.connection.pool.name": pool}
        self._of_database = attributes_of(settings)
        self._target = self._of_database.get("db.namespace", "sqlite")

    def waited(self, seconds: float, error: BaseException | None) -> None:
        """A connection was acquired."""
        self._add("acquire", seconds, error, self._of_pool, kind=SpanKind.INTERNAL)

    def ran(
        self, statement: str, shape: str | None, seconds: float, error: BaseException | None
    ) -> None:
        """A statement was run."""
        del shape
        operation = operation_of(statement)
        attributes = {
            "db.operation.name": operation,
            "wellhead.statement.digest": digest_of(statement),
        }
        self._add(operation, seconds, error, attributes)

    def committed(self, seconds: float, error: BaseException | None) -> None:
        """A transaction was committed."""
        self._add("COMMIT", seconds, error, {"db.operation.name": "COMMIT"})

    def _add(
        self,
        operation: str,
        seconds: float,
        error: BaseException | None,
        attributes: Mapping[str, str],
        *,
        kind: SpanKind = SpanKind.CLIENT,
    ) -> None:
        end = time_ns()
        span = self._tracer.start_span(
            f"{operation} {self._target}",
            kind=kind,
            attributes={**self._of_database, **attributes, **failure_of(error)},
            start_time=end - round(seconds * 1e9),
        )
        if error is not None:
            span.set_status(StatusCode.ERROR)
        span.end(end)
