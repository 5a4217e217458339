"""The attributes by which OpenTelemetry knows a database and what it did.

None has a statement's text or a value. Each has few values, so that series stay few.
"""

from collections.abc import Mapping

from wellhead.errors.recognition import sqlstate_of
from wellhead.sessions.statements import kind_of
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL

_OPERATIONS = frozenset({
    "ANALYZE", "BEGIN", "CALL", "COPY", "CREATE", "DELETE", "DROP", "EXPLAIN", "INSERT", "LOCK",
    "MERGE", "NOTIFY", "REFRESH", "RELEASE", "ROLLBACK", "SAVEPOINT", "SELECT", "SET", "SHOW",
    "TRUNCATE", "UPDATE", "VALUES", "VACUUM", "WITH",
})  # fmt: skip


def attributes_of(settings: DatabaseSettings) -> dict[str, str | int]:
    """Those of the database itself; if it has several servers, without an address."""
    url = settings.url
    if not isinstance(url, PostgresURL):
        return {"db.system.name": "sqlite"}
    found: dict[str, str | int] = {"db.system.name": "postgresql", "db.namespace": url.database}
    if len(url.hosts) == 1 and not settings.has_replicas:
        [host] = url.hosts
        found |= {"server.address": host.name, "server.port": host.port}
    return found


def operation_of(statement: str) -> str:
    """The statement's first word; ``OTHER`` for one that SQL's usual statements do not begin with.

    An application may begin its statements with a comment, which is different each time.
    """
    kind = kind_of(statement)
    return kind if kind in _OPERATIONS else "OTHER"


def failure_of(error: BaseException | None) -> Mapping[str, str]:
    """Those of a failure: its SQLSTATE if the server told, else its class. Never its text."""
    if error is None:
        return {}
    sqlstate = sqlstate_of(error)
    if sqlstate is None:
        return {"error.type": type(error).__qualname__}
    return {"error.type": sqlstate, "db.response.status_code": sqlstate}
