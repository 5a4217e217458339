"""Which COMMITs were begun, and what a failed one leaves open.

A COMMIT that was sent and not answered may have taken effect. That is not a lost connection like
any other: whoever repeats the work may do it twice.
"""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext

from wellhead.errors import CommitUnknownError, is_definite_answer
from wellhead.pool import is_closed

OPTION = "wellhead_unit"
"""The execution option that carries a session's :class:`CommitLog` to its connections."""

_COMMITTING = "wellhead_committing"


class CommitLog:
    """What one session's transactions did about committing."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = 0


def watch_commits(engine: Engine, *, on_unknown: Callable[[], None]) -> None:
    """Log the COMMITs of an engine, and name those whose outcome is unknown.

    Args:
        engine: Whose connections.
        on_unknown: Told of each COMMIT that was sent and not answered.
    """

    @event.listens_for(engine, "commit")
    def begin_commit(connection: Connection) -> None:
        log: CommitLog | None = connection.get_execution_options().get(OPTION)
        if log is not None:
            log.begun += 1
        connection.info[_COMMITTING] = not is_closed(connection.connection.driver_connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.info[_COMMITTING] = False

    @event.listens_for(engine, "handle_error")
    def name_it(context: ExceptionContext) -> BaseException | None:
        connection, error = context.connection, context.original_exception
        if context.statement is not None or connection is None or connection.invalidated:
            return None
        if not connection.info.pop(_COMMITTING, False) or is_definite_answer(error):
            return None
        on_unknown()
        if not isinstance(error, Exception):
            return None
        return CommitUnknownError(
            "The connection was lost during COMMIT; whether it took effect is unknown.",
            hint="Look whether the work was done before doing it again.",
        )
