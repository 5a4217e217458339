"""The plan of a statement that the application ran."""

import re
import secrets
from typing import Any

from sqlalchemy import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from wellhead.database import Database
from wellhead.errors import ConfigurationError
from wellhead.pool import serving
from wellhead.sessions.leftovers import TRANSACTIONAL
from wellhead.telemetry.literals import shape_of

# Parameters are not looked for in the text, and the connection is left as it was.
_AS_IT_IS = {"no_parameters": True, TRANSACTIONAL: True}

_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "WITH", "TABLE")
_NUMBERED = re.compile(r"\$(\d+)")
_NAMED = re.compile(r"%(?:\((\w+)\)s|%)")


async def plan_of(database: Database, statement: str, *, route: str) -> str:
    """The plan that PostgreSQL makes for any values; the statement is not run.

    Takes a connection of the pool for a few round trips.

    Args:
        database: The database that ran it.
        statement: As it was sent to the driver, with the driver's parameters.
        route: The name for the connection's holder.

    Raises:
        ConfigurationError: There is no plan for such a statement, or on this server.
    """
    shape = shape_of(statement)
    if not shape.upper().startswith(_EXPLAINED) or ";" in shape.rstrip("; "):
        raise ConfigurationError("PostgreSQL explains single SELECT, INSERT, UPDATE, DELETE only.")
    with serving(route):
        async with database.session() as session:
            return await _explained(session, statement)


async def _explained(session: AsyncSession, statement: str) -> str:
    connection = await session.connection()
    if connection.dialect.name != "postgresql":
        raise ConfigurationError("Only PostgreSQL shows a plan without values.")
    text = statement.rstrip().rstrip(";")
    if connection.dialect.driver != "asyncpg":
        text = _numbered(text)
    count = max(map(int, _NUMBERED.findall(text)), default=0)
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    name = f"wellhead_plan_{secrets.token_hex(4)}"

    async def send(statement: str) -> CursorResult[Any]:
        return await connection.exec_driver_sql(statement, execution_options=_AS_IT_IS)

    # EXPLAIN (GENERIC_PLAN) is as new as PostgreSQL 16, and plans for the values it is sent with.
    await send("SET LOCAL plan_cache_mode = force_generic_plan")
    await send(f"PREPARE {name} AS {text}")
    found = await send(f"EXPLAIN EXECUTE {name}{values}")
    plan = "\n".join(line for (line,) in found)
    await send(f"DEALLOCATE {name}")
    return plan


def _numbered(statement: str) -> str:
    """The statement with PostgreSQL's own parameters in place of psycopg's."""
    numbers: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        name = found[1]
        return "%" if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    return _NAMED.sub(numbered, statement)
