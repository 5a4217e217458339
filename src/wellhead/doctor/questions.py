"""Questions to the server, on connections of asyncpg, whichever driver the application uses.

Each question is a transaction that the server keeps from writing; behind a transaction pooler it is
also what keeps the parts of one question on one server connection.
"""

from dataclasses import replace
from typing import Any

from wellhead.connecting.engine import connect_args
from wellhead.doctor.case import Case
from wellhead.pool.connection_state import terminate
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL
from wellhead.url.options import POOLER_SETTINGS, read_options


async def connect_probe(case: Case) -> Any:
    """Make one more connection, with the application's settings and hooks; closed at the end.

    Raises:
        ConnectError: It could not be made.
    """
    url, settings = _by_asyncpg(case)
    connector = case.connecting.toward(settings)
    case.resources.push_async_callback(connector.close)
    arguments = url.sqlalchemy_url().translate_connect_args(username="user")
    arguments |= connect_args(settings)
    # SQLAlchemy's own cache.
    arguments.pop("prepared_statement_cache_size", None)
    connection = await connector.connect(**arguments)
    case.resources.callback(terminate, connection)
    case.resources.push_async_callback(connection.close)
    return connection


def sent_at_start(case: Case) -> dict[str, str]:
    """The server settings that a connection of the probe begins with, and poolers do not know."""
    _, settings = _by_asyncpg(case)
    sent = dict(connect_args(settings)["server_settings"])
    # Neon's proxy takes settings only inside of this one.
    sent |= read_options(sent.pop("options", None)).settings
    return {name: value for name, value in sent.items() if name not in POOLER_SETTINGS}


def _by_asyncpg(case: Case) -> tuple[PostgresURL, DatabaseSettings]:
    url = replace(case.url, driver="asyncpg")
    return url, case.settings.model_copy(update={"url": url, "prepared_statements": "off"})


async def ask(connection: Any, query: str) -> list[Any]:
    """Ask one question, whose columns are no arrays.

    To learn about other types asyncpg sets jit in the session, which a pooler hands on.

    Returns:
        The rows.
    """
    async with connection.transaction(readonly=True):
        rows: list[Any] = await connection.fetch(query)
        return rows
