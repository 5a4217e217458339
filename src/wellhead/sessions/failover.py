"""A write that a standby refused: its connections are closed, and the work may run again.

After a failover the same address may lead to the old primary, which has come back as a standby. It
responds, and its connections are sound; but they would refuse every write until they are too old.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

from wellhead.errors import StandbyError
from wellhead.errors.recognition import sqlstate_of
from wellhead.pool.connection_state import driver_of, is_to_standby
from wellhead.sessions.commits import READS
from wellhead.sessions.reader import READ_ONLY_TRANSACTION


def was_refused_by_standby(error: BaseException, driver_connection: Any) -> bool:
    """Whether the server refused a write because it is a standby; sends nothing.

    A read-only transaction, role or database of a primary refuses with the same code.
    """
    return sqlstate_of(error) == READ_ONLY_TRANSACTION and is_to_standby(driver_connection)


def leave_standbys(engine: Engine) -> None:
    """Retire all connections of an engine once a standby refused a write on one of them.

    The write raises a :class:`wellhead.StandbyError`. Readers refuse writes themselves, so theirs
    prove nothing.
    """

    @event.listens_for(engine, "handle_error")
    def leave(context: ExceptionContext) -> BaseException | None:
        connection = context.connection
        if connection is None or connection.invalidated:
            return None
        if READS in connection.get_execution_options():
            return None
        driver_connection = driver_of(connection.connection.dbapi_connection)
        if not was_refused_by_standby(context.original_exception, driver_connection):
            return None
        context.is_disconnect = True
        return StandbyError.after_refusal()
