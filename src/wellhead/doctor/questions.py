"""Questions to the server, on connections of asyncpg, whichever driver the application uses.

Each question is a transaction that the server keeps from writing; behind a transaction pooler it is
also what keeps the parts of one question on one server connection.
"""

from dataclasses import replace
from typing import Any

from wellhead.connecting.engine import connect_args
from wellhead.doctor.case import Case
from wellhead.pool.connection_state import terminate


async def connect_probe(case: Case) -> Any:
    """Make one more connection, with the application's settings and hooks; closed at the end.

    Raises:
        ConnectError: It could not be made.
    """
    url = replace(case.url, driver="asyncpg")
    settings = case.settings.model_copy(update={"url": url, "prepared_statements": "off"})
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


async def ask(connection: Any, query: str) -> list[Any]:
    """Ask one question, whose columns are no arrays.

    To learn about other types asyncpg sets jit in the session, which a pooler hands on.

    Returns:
        The rows.
    """
    async with connection.transaction(readonly=True):
        rows: list[Any] = await connection.fetch(query)
        return rows
