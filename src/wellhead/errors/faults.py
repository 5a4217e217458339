"""All faults, and what each means to a client and for a retry."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What went wrong, as one word for logs, metrics and problem types."""

    UNIQUE = "unique"
    FOREIGN_KEY = "foreign_key"
    EXCLUSION = "exclusion"
    CHECK = "check"
    NOT_NULL = "not_null"
    INVALID_DATA = "invalid_data"
    SERIALIZATION = "serialization"
    DEADLOCK = "deadlock"
    LOCK_TIMEOUT = "lock_timeout"
    STATEMENT_TIMEOUT = "statement_timeout"
    REQUEST_TIMEOUT = "request_timeout"
    COMMITTED = "committed"
    PARTLY_COMMITTED = "partly_committed"
    STALE_PLAN = "stale_plan"
    READ_ONLY_SERVER = "read_only_server"
    STANDBY = "standby"
    DISK_FULL = "disk_full"
    OUT_OF_RESOURCES = "out_of_resources"
    SATURATED = "saturated"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    CONNECTION_LOST = "connection_lost"
    OUTCOME_UNKNOWN = "outcome_unknown"
    UNREACHABLE = "unreachable"
    STARTING = "starting"
    AUTHENTICATION = "authentication"
    CREDENTIALS = "credentials"
    DATABASE_NOT_FOUND = "database_not_found"
    TLS = "tls"
    REFUSED = "refused"
    NOT_OPEN = "not_open"
    SCHEMA_BEHIND = "schema_behind"
    SCHEMA_AHEAD = "schema_ahead"
    PROGRAMMING = "programming"
    UNKNOWN = "unknown"

    @property
    def http_status(self) -> int:
        """The status of a web application's response."""
        return MEANINGS[self].http_status


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a fault is to a client.

    Attributes:
        http_status: The status of a web application's response.
        title: A sentence for the client; never holds SQL, names or addresses.
        retry_after: Seconds after which trying again makes sense, or None.
    """

    http_status: int
    title: str
    retry_after: int | None = None


_UNAVAILABLE = "The database is not available at the moment."
_OUR_MISTAKE = "The server used its database incorrectly."

MEANINGS: Mapping[Fault, Meaning] = {
    Fault.UNIQUE: Meaning(409, "Something with the same value already exists."),
    Fault.FOREIGN_KEY: Meaning(409, "It refers to something missing, or is still referred to."),
    Fault.EXCLUSION: Meaning(409, "It conflicts with something that already exists."),
    Fault.CHECK: Meaning(422, "A value violates a rule of the data."),
    Fault.NOT_NULL: Meaning(422, "A required value is missing."),
    Fault.INVALID_DATA: Meaning(422, "A value cannot be stored."),
    Fault.SERIALIZATION: Meaning(503, "Another request changed the same data; try again.", 1),
    Fault.DEADLOCK: Meaning(503, "Another request changed the same data; try again.", 1),
    Fault.LOCK_TIMEOUT: Meaning(503, "The data is in use by another request; try again.", 1),
    Fault.STATEMENT_TIMEOUT: Meaning(504, "The database took too long to respond."),
    Fault.REQUEST_TIMEOUT: Meaning(504, "The request took too long and was cancelled."),
    Fault.COMMITTED: Meaning(504, "This was done, but the response took too long."),
    Fault.PARTLY_COMMITTED: Meaning(
        500, "Only part of this was done: check before you send it again."
    ),
    Fault.STALE_PLAN: Meaning(503, "The database schema has just changed; try again.", 1),
    Fault.READ_ONLY_SERVER: Meaning(503, "The database accepts no changes at the moment.", 5),
    Fault.STANDBY: Meaning(503, "The database is moving to another server; try again.", 1),
    Fault.DISK_FULL: Meaning(503, "The database has no space left.", 30),
    Fault.OUT_OF_RESOURCES: Meaning(503, "The database is short of resources.", 5),
    Fault.SATURATED: Meaning(503, "Too many requests are waiting for the database.", 1),
    Fault.TOO_MANY_CONNECTIONS: Meaning(503, "The database has no free connection.", 2),
    Fault.CONNECTION_LOST: Meaning(503, "The connection to the database was lost.", 1),
    Fault.OUTCOME_UNKNOWN: Meaning(
        503, "It is not known whether this was done: check before you send it again."
    ),
    Fault.UNREACHABLE: Meaning(503, _UNAVAILABLE, 2),
    Fault.STARTING: Meaning(503, "The database is starting.", 1),
    Fault.AUTHENTICATION: Meaning(503, _UNAVAILABLE, 30),
    Fault.CREDENTIALS: Meaning(503, _UNAVAILABLE, 2),
    Fault.DATABASE_NOT_FOUND: Meaning(503, _UNAVAILABLE, 30),
    Fault.TLS: Meaning(503, _UNAVAILABLE, 30),
    Fault.REFUSED: Meaning(503, _UNAVAILABLE, 30),
    Fault.NOT_OPEN: Meaning(503, "The server is starting or shutting down.", 1),
    Fault.SCHEMA_BEHIND: Meaning(503, "The database schema is behind; it has to be migrated.", 5),
    Fault.SCHEMA_AHEAD: Meaning(
        503, "The database schema is newer than this version of the program.", 5
    ),
    Fault.PROGRAMMING: Meaning(500, _OUR_MISTAKE),
    Fault.UNKNOWN: Meaning(500, _OUR_MISTAKE),
}

TRANSIENT = frozenset(
    {
        Fault.SERIALIZATION,
        Fault.DEADLOCK,
        Fault.LOCK_TIMEOUT,
        Fault.STALE_PLAN,
        Fault.READ_ONLY_SERVER,
        Fault.STANDBY,
        Fault.OUT_OF_RESOURCES,
        Fault.SATURATED,
        Fault.TOO_MANY_CONNECTIONS,
        Fault.CONNECTION_LOST,
        Fault.UNREACHABLE,
        Fault.STARTING,
        Fault.CREDENTIALS,
    }
)
"""The faults after which the same work can succeed later without intervention."""

CAN_RUN_AGAIN = frozenset(
    {
        Fault.SERIALIZATION,
        Fault.DEADLOCK,
        Fault.STALE_PLAN,
        Fault.STANDBY,
        Fault.CONNECTION_LOST,
        Fault.TOO_MANY_CONNECTIONS,
        Fault.UNREACHABLE,
        Fault.STARTING,
        Fault.CREDENTIALS,
    }
)
"""The transient faults that leave nothing of a transaction behind and pass soon."""
