"""The exception tree.

The tree::

    WellheadError
    ├── ConfigurationError (ValueError)
    │   ├── URLError
    │   └── SettingsError
    ├── NotOpenError (RuntimeError)
    ├── ReadOnlyError
    ├── StandbyError
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
    ├── SchemaBehindError
    ├── SchemaAheadError
    ├── MigrationError
    │   └── MigrationBusyError (TimeoutError)
    ├── PoolTimeout (sqlalchemy.exc.TimeoutError)
    │   └── PoolSaturated
    ├── PoolMisuseError (RuntimeError)
    ├── SessionInUseError (RuntimeError)
    ├── NotLoadedError (sqlalchemy.exc.MissingGreenlet)
    └── EmbeddedError
        └── EmbeddedVersionError
"""

from collections.abc import Sequence
from typing import ClassVar, Self

from sqlalchemy import exc as sa


class WellheadError(Exception):
    """The root of every exception that Wellhead raises.

    Attributes:
        hint: What to do about it, in one sentence, or None if the message says it.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0])
        return message if self.hint is None else f"{message}\n{self.hint}"


class ConfigurationError(WellheadError, ValueError):
    """A value given to Wellhead cannot be used."""


class URLError(ConfigurationError):
    """A database URL that cannot be used; the message never holds the password."""


class SettingsError(ConfigurationError):
    """A setting outside its range, or two settings that contradict each other."""


class NotOpenError(WellheadError, RuntimeError):
    """The database, or a pool, was used before it was opened or after it was closed."""


class ReadOnlyError(WellheadError):
    """A write was attempted through a reader; nothing of it reached the server."""


class StandbyError(WellheadError):
    """A standby refused a write, as after a failover; nothing of the transaction was done.

    All connections that were open then are closed, so that the next attempt makes new ones.
    """

    @classmethod
    def after_refusal(cls) -> Self:
        """The error for a write that a standby refused."""
        return cls(
            "The server is a standby and refused a write (SQLSTATE 25006); nothing of the "
            "transaction was done.",
            hint="After a failover the same work succeeds once the address leads to the new "
            "primary. Otherwise the URL leads to a replica: name the primary, or all servers with "
            "target_session_attrs=read-write.",
        )


class ConnectError(WellheadError, ConnectionError):
    """No connection to the database could be made; the driver's own error is the cause.

    Attributes:
        sqlstate: The server's five-character code, or None if no server responded.
        can_retry: Whether the same attempt can succeed later without intervention.
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
    """The application's credentials function failed, or did not return in time."""

    can_retry = True


class SetUpError(ConnectError):
    """The application's set-up of a new connection failed, or did something that cannot last."""


class DatabaseNotFoundError(ConnectError):
    """The server has no database of that name."""


class TLSError(ConnectError):
    """The encrypted connection was refused: certificate, host name or protocol."""


class UnreachableError(ConnectError):
    """The server did not respond: name not found, connection refused, cut or timed out."""

    can_retry = True


class StartingError(ConnectError):
    """The server is reachable, but is starting, stopping or waking up."""

    can_retry = True


class TooManyConnectionsError(ConnectError):
    """The server or its pooler has no room for another connection."""

    can_retry = True


class CommandTimeoutError(WellheadError, TimeoutError):
    """A statement took longer than the command timeout and was cancelled."""


class RequestTimeoutError(WellheadError, TimeoutError):
    """A request did not finish within its time, and its work was cancelled."""


class CommittedError(RequestTimeoutError):
    """A request was cut at its deadline after it had committed: its changes are in the database.

    Attributes:
        commits: How many COMMITs succeeded.
    """

    def __init__(self, message: str, *, commits: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.commits = commits


class CommitUnknownError(WellheadError):
    """A COMMIT was sent and got no reply: it may or may not have taken effect.

    Nothing is repeated after it. Check for what the work would have left behind, or give the work a
    unique key by which a repetition is refused or recognised, and set ``is_repeatable``.
    """

    @classmethod
    def after_silence(cls) -> Self:
        """The error for a COMMIT that was sent and got no reply."""
        return cls(
            "COMMIT was sent and got no reply: it may or may not have taken effect.",
            hint="Check whether the work was done before you repeat it.",
        )

    @classmethod
    def without_standby(cls) -> Self:
        """The error for a COMMIT whose wait for a synchronous standby was cancelled."""
        return cls(
            "COMMIT took effect on this server, which gave up waiting for its standby: after a "
            "failover it may be lost.",
            hint="Check whether the work was done before you repeat it.",
        )


class PartlyCommittedError(WellheadError):
    """One database has committed and another has not; the cause says why.

    Attributes:
        committed: The names of the databases that have committed.
        not_committed: The names of those that have not.
    """

    def __init__(
        self, reason: str, *, committed: Sequence[str], not_committed: Sequence[str]
    ) -> None:
        super().__init__(
            f"{' and '.join(committed)} committed, {' and '.join(not_committed)} did not: {reason}",
            hint="Complete or undo the work before you repeat it.",
        )
        self.committed = tuple(committed)
        self.not_committed = tuple(not_committed)


class LateCommitError(WellheadError, RuntimeError):
    """A session would have been committed after the response; it was rolled back instead."""


class RolledBackError(WellheadError):
    """A statement had failed and its error was ignored, so COMMIT could only roll back."""

    @classmethod
    def because_of_failure(cls) -> Self:
        """The error for a transaction that continued after one of its statements had failed."""
        return cls(
            "Nothing was committed: a statement of the transaction had failed, and its error was "
            "caught.",
            hint="Let the error out, or run the statement in session.begin_nested().",
        )


class SchemaBehindError(WellheadError):
    """A statement named what the database does not have, as migrations are missing there."""


class SchemaAheadError(WellheadError):
    """A statement named what the database no longer has: a newer program has migrated it."""


class MigrationError(WellheadError):
    """The schema could not be migrated, or its state could not be determined."""


class MigrationBusyError(MigrationError, TimeoutError):
    """Another process, or locked tables, kept a migration waiting for too long; try again."""


class PoolTimeout(WellheadError, sa.TimeoutError):  # noqa: N818 - the name that pools use for it
    """No connection became available in time; if the database is away, that is the cause.

    SQLAlchemy's ``TimeoutError``, so that code which catches that catches this.
    """


class PoolSaturated(PoolTimeout):
    """Every connection is in use and the queue is full; the caller did not wait."""


class PoolMisuseError(WellheadError, RuntimeError):
    """A pool or database was used from a different event loop, or after a fork."""


class SessionInUseError(WellheadError, RuntimeError):
    """A second task used a session or a connection while another task was using it."""


class NotLoadedError(WellheadError, sa.MissingGreenlet):
    """An attribute that is not loaded was read where no query is possible.

    Names the class and the attribute, and the query option that loads it. SQLAlchemy's
    ``MissingGreenlet``, so that code which catches that catches this.
    """


class EmbeddedError(WellheadError):
    """The embedded PostgreSQL could not be started or stopped."""


class EmbeddedVersionError(EmbeddedError):
    """The data was made by another major version of PostgreSQL than there are programs of."""
