"""Which COMMITs were begun, and what a failed one leaves open.

A COMMIT that was sent and not answered may have taken effect. That is not a lost connection like
any other: whoever repeats the work may do it twice.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext

from wellhead.errors import CommitUnknownError, RolledBackError, is_definite_answer
from wellhead.pool import has_failed, is_gone
from wellhead.sessions.deadline import current_deadline
from wellhead.sessions.outcome import Ticket

OPTION = "wellhead_commits"
"""The execution option that carries a session's :class:`CommitLog` to its connections."""

_UNANSWERED = "wellhead_commit_unanswered"
_COMMITS_ITSELF = re.compile(
    r"(?>\s+|/\*.*?\*/|--[^\n]*)*+(commit|end|prepare\s+transaction)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(slots=True)
class CommitLog:
    """What one session's transactions did about committing.

    Attributes:
        wants_ticket: Whether to read the transaction's ticket before each COMMIT.
        begun: COMMITs that were begun.
        ticket: The last transaction's.
    """

    wants_ticket: bool = False
    begun: int = 0
    ticket: Ticket | None = None


def watch_commits(engine: Engine, *, on_unknown: Callable[[], None]) -> None:
    """Log the COMMITs of an engine, and name those whose outcome is unknown.

    Args:
        engine: Whose connections.
        on_unknown: Told of each COMMIT that was sent and not answered.
    """
    _log_commits(engine)
    _mark_commits(engine)

    @event.listens_for(engine, "handle_error")
    def name_it(context: ExceptionContext) -> BaseException | None:
        connection, error = context.connection, context.original_exception
        if context.statement is not None or connection is None or connection.invalidated:
            return None
        if not connection.info.pop(_UNANSWERED, False) or is_definite_answer(error):
            return None
        on_unknown()
        unknown = CommitUnknownError.after_silence()
        if (deadline := current_deadline.get()) is not None:
            # Whoever does the work again may be cut before that is done.
            deadline.note_unknown(unknown)
        return unknown if isinstance(error, Exception) else None


def _mark_commits(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.info[_UNANSWERED] = False

    @event.listens_for(engine, "commit")
    def begin_commit(connection: Connection) -> None:
        driver_connection = connection.connection.driver_connection
        if has_failed(driver_connection):
            with _end_on_error(connection):
                raise RolledBackError.because_of_failure()
        # What had ended before cannot have read the COMMIT.
        connection.info[_UNANSWERED] = not is_gone(driver_connection)


def _log_commits(engine: Engine) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def notice_commits_in_words(*arguments: object) -> None:
        connection, statement = arguments[0], arguments[2]
        assert isinstance(connection, Connection)  # noqa: S101 - SQLAlchemy's signature
        if (log := _log_of(connection)) is None:
            return
        commits_by_itself = connection.get_execution_options().get("isolation_level")
        if commits_by_itself == "AUTOCOMMIT" or _COMMITS_ITSELF.match(str(statement)):
            log.begun += 1

    @event.listens_for(engine, "commit")
    def log_it(connection: Connection) -> None:
        if (log := _log_of(connection)) is None:
            return
        if log.wants_ticket:
            with _end_on_error(connection):
                log.ticket = Ticket.read(connection)
        log.begun += 1


@contextmanager
def _end_on_error(connection: Connection) -> Iterator[None]:
    # SQLAlchemy takes a COMMIT that fails for the end of the transaction, and would put the
    # connection back with the transaction open.
    try:
        yield
    except BaseException as error:
        if not connection.invalidated:
            try:
                connection.dialect.do_rollback(connection.connection)
            except Exception:  # noqa: BLE001 - whatever it is, the connection is of no use
                connection.invalidate(error)
        raise


def _log_of(connection: Connection) -> CommitLog | None:
    log: CommitLog | None = connection.get_execution_options().get(OPTION)
    return log
