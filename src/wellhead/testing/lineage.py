"""Which piece of work a connection is used by: the one that a transaction waits for, or another.

Two requests of a test may take turns on its one transaction. Where a session is open and the same
piece of work asks for a second one, neither would ever come to an end. So it is noted in whose
context each transaction began, and in whose context each statement is sent; tasks inherit that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, event

from wellhead.database import Database
from wellhead.errors import NotOpenError
from wellhead.pool import AsyncPool
from wellhead.pool.connection_state import driver_of


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A transaction, and the one in whose block it began."""

    around: "Begun | None"


_innermost: ContextVar[Begun | None] = ContextVar("wellhead_begun", default=None)


class Lineage:
    """Knows the transactions that the application has begun, by the numbers of their connections.

    Args:
        database: Whose pool also says what was borrowed past SQLAlchemy, once it is there.
    """

    def __init__(self) -> None:
        self.database: Database[Any] | None = None
        self._begun: dict[int, Begun] = {}
        self._used: dict[int, tuple[float, Begun | None]] = {}

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the transactions and statements of every engine in the block."""
        listeners = {"begin": self._note_begin, "before_cursor_execute": self._note_statement}
        for name, listener in listeners.items():
            event.listen(Engine, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                event.remove(Engine, name, listener)
            self._begun.clear()
            self._used.clear()

    def is_inside(self, waiting: int, holding: int) -> bool:
        """Whether one connection is used in the block of the transaction on another."""
        wanted, each = self._begun.get(holding), self._user_of(waiting)
        while each is not None and each is not wanted:
            each = each.around
        return each is not None

    def _user_of(self, number: int) -> Begun | None:
        at, begun = self._used.get(number, (0.0, None))
        for slot in self._slots():
            if slot.held_since > at and _number_of(slot.connection.dbapi_connection) == number:
                return slot.context.get(_innermost) if slot.context is not None else None
        return begun

    def _slots(self) -> tuple[Any, ...]:
        try:
            pool = self.database.pool if self.database is not None else None
        except NotOpenError:
            return ()
        return pool.core.lent if isinstance(pool, AsyncPool) else ()

    def _note_begin(self, connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return
        number, around = _number(connection), _innermost.get()
        if number is not None:
            self._used[number] = monotonic(), around
            self._begun[number] = begun = Begun(around)
            _innermost.set(begun)

    def _note_statement(self, connection: Connection, *_: Any) -> None:
        number = _number(connection)
        if number is not None:
            begun = _innermost.get()
            if begun is not None and begun is self._begun.get(number):
                begun = begun.around
            self._used[number] = monotonic(), begun


def _number(connection: Connection) -> int | None:
    pooled: Any = connection._dbapi_connection  # noqa: SLF001 - the other name would connect
    return None if pooled is None else _number_of(pooled.dbapi_connection)


def _number_of(dbapi_connection: Any) -> int | None:
    """The number by which the server knows a connection; None where the driver has another."""
    connection = driver_of(dbapi_connection)
    if hasattr(connection, "get_server_pid"):
        return int(connection.get_server_pid())
    pgconn = getattr(connection, "pgconn", None)
    return None if pgconn is None else int(pgconn.backend_pid)
