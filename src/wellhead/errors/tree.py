"""The exception tree.

The tree::

    WellheadError
    ├── ConfigurationError (ValueError)
    │   ├── URLError
    │   └── SettingsError
    ├── NotOpenError (RuntimeError)
    ├── ReadOnlyError
    ├── ConnectError (ConnectionError)
    │   ├── AuthenticationError
    │   ├── CredentialsError
    │   ├── SetUpError
    │   ├── DatabaseNotFoundError
    │   ├── TLSError
    │   ├── UnreachableError
    │   ├── StartingError
    │   └── TooManyConnectionsError
    ├── CommandTimeoutError (TimeoutError)
    ├── RequestTimeoutError (TimeoutError)
    │   └── CommittedError
    ├── CommitUnknownError
    ├── PartlyCommittedError
    ├── LateCommitError (RuntimeError)
    ├── RolledBackError
    ├── MigrationError
    │   └── MigrationBusyError (TimeoutError)
    ├── PoolTimeout (sqlalchemy.exc.TimeoutError)
    │   └── PoolSaturated
    ├── PoolMisuseError (RuntimeError)
    ├── SessionInUseError (RuntimeError)
    ├── NotLoadedError (sqlalchemy.exc.MissingGreenlet)
    └── EmbeddedError
"""

from collections.abc import Sequence
from typing import ClassVar, Self

from sqlalchemy import exc as sa


class WellheadError(Exception):
    """The root of every exception that Wellhead raises.

    Attributes:
        hint: What to do about it, in one sentence, or None where the message says it.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0])
        return message if self.hint is None else f"{message}\n{self.hint}"


class ConfigurationError(WellheadError, ValueError):
    """Something that was given to Wellhead cannot be used as it is."""


class URLError(ConfigurationError):
    """A database URL that cannot be used; the message never holds the password."""


class SettingsError(ConfigurationError):
    """A setting outside its range, or two settings that contradict each other."""


class NotOpenError(WellheadError, RuntimeError):
    """The database, or a pool, was used before it was opened or after it was closed."""


class ReadOnlyError(WellheadError):
    """A write was tried through a reader; nothing of it reached the server."""


class ConnectError(WellheadError, ConnectionError):
    """No connection to the database could be made; the driver's own error is the cause.

    Attributes:
        sqlstate: The server's five-character code, or None where no server answered.
        can_retry: Whether the same attempt can succeed later without anybody's help.
    """

    can_retry: ClassVar[bool] = False

    def __init__(
        self, message: str, *, hint: str | None = None, sqlstate: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate


class AuthenticationError(ConnectError):
    """The server refused the user or the password."""


class CredentialsError(ConnectError):
    """The application's function gave no credentials for a new connection, or not in time."""

    can_retry = True


class SetUpError(ConnectError):
    """The application's set-up of a new connection failed, or did what cannot last."""


class DatabaseNotFoundError(ConnectError):
    """The server has no database of that name."""


class TLSError(ConnectError):
    """The encrypted connection was refused: certificate, host name or protocol."""


class UnreachableError(ConnectError):
    """Nobody answered: name not found, connection refused, cut or timed out."""

    can_retry = True


class StartingError(ConnectError):
    """The server is there, and is starting, stopping or waking up."""

    can_retry = True


class TooManyConnectionsError(ConnectError):
    """The server or its pooler has no place for another connection."""

    can_retry = True


class CommandTimeoutError(WellheadError, TimeoutError):
    """A statement took longer than the command timeout and was cancelled."""


class RequestTimeoutError(WellheadError, TimeoutError):
    """A request was not answered in the time that it has, and its work was cancelled."""


class CommittedError(RequestTimeoutError):
    """A request was cut at its deadline after it had committed: its changes are in the database.

    Attributes:
        commits: How many COMMITs succeeded.
    """

    def __init__(self, message: str, *, commits: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.commits = commits


class CommitUnknownError(WellheadError):
    """A COMMIT was sent and not answered: it may have taken effect, and may not.

    Nothing is repeated after it. Look for what the work would have left behind, or give the work a
    key of its own by which a second time is refused or recognised, and say ``is_repeatable``.
    """

    @classmethod
    def after_silence(cls) -> Self:
        """The error of a COMMIT that was sent and had no answer."""
        return cls(
            "COMMIT was sent and not answered: it may have taken effect, and may not.",
            hint="Look whether the work was done before you do it again.",
        )

    @classmethod
    def without_standby(cls) -> Self:
        """The error of a COMMIT whose wait for a synchronous standby was cancelled."""
        return cls(
            "COMMIT took effect on this server, which gave up waiting for its standby: after a "
            "failover it may be gone.",
            hint="Look whether the work was done before you do it again.",
        )


class PartlyCommittedError(WellheadError):
    """One database has committed and another has not; what kept it from that is the cause.

    Attributes:
        committed: The names of the databases that have.
        not_committed: The names of those that have not.
    """

    def __init__(
        self, reason: str, *, committed: Sequence[str], not_committed: Sequence[str]
    ) -> None:
        super().__init__(
            f"{' and '.join(committed)} committed, {' and '.join(not_committed)} did not: {reason}",
            hint="Complete or undo it before it is done again.",
        )
        self.committed = tuple(committed)
        self.not_committed = tuple(not_committed)


class LateCommitError(WellheadError, RuntimeError):
    """A session would have been committed after the response; it was rolled back instead."""


class RolledBackError(WellheadError):
    """A statement had failed and was passed over, so that COMMIT could only roll back."""

    @classmethod
    def because_of_failure(cls) -> Self:
        """The error of a transaction that went on after one of its statements had failed."""
        return cls(
            "Nothing was committed: a statement of the transaction had failed, and its error was "
            "caught.",
            hint="Let the error out, or run the statement in session.begin_nested().",
        )


class MigrationError(WellheadError):
    """The schema could not be brought to where it was wanted, or its state could not be told."""


class MigrationBusyError(MigrationError, TimeoutError):
    """Another process, or tables in use, kept a migration waiting for too long; try again."""


class PoolTimeout(WellheadError, sa.TimeoutError):  # noqa: N818 - the name that pools use for it
    """No connection of the pool came free in time; while the database is away, that is the cause.

    SQLAlchemy's ``TimeoutError``, so that code which catches that catches this.
    """


class PoolSaturated(PoolTimeout):
    """Every connection is in use and as many callers queue as may; nothing was waited for."""


class PoolMisuseError(WellheadError, RuntimeError):
    """A pool or database was used from another event loop than its own, or after a fork."""


class SessionInUseError(WellheadError, RuntimeError):
    """A second task used a session, or a connection, while another task's call had not ended."""


class NotLoadedError(WellheadError, sa.MissingGreenlet):
    """An attribute was read that is not loaded, where nothing could be asked of the database.

    It names the class and the attribute, and the option of the query that loads it. SQLAlchemy's
    ``MissingGreenlet``, so that code which catches that catches this.
    """


class EmbeddedError(WellheadError):
    """The embedded PostgreSQL could not be started or stopped."""
