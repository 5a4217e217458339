"""Creates the database that a URL names, over a connection that also checks the password."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg

from wellhead.embedded.home import State
from wellhead.embedded.ports import ADDRESS
from wellhead.errors import EmbeddedError

_CONNECT_SECONDS = 30.0


def ensure(port: int, state: State, database: str) -> str:
    """Create the database if it is missing; return the server's version.

    Raises:
        EmbeddedError: The server refused the password or the name.
    """
    # In a separate thread: the caller may be inside a running event loop.
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(asyncio.run, _ensure(port, state, database)).result()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise EmbeddedError(
                f"The server on port {port} is running, but the database {database!r} could not be"
                f" opened: {error}."
            ) from error


async def _ensure(port: int, state: State, database: str) -> str:
    connection = await asyncpg.connect(
        host=ADDRESS,
        port=port,
        user=state.user,
        password=state.password,
        database="postgres",
        # In any other mode asyncpg looks for certificates in the home directory, and fails if that
        # belongs to another account.
        ssl=False,
        timeout=_CONNECT_SECONDS,
    )
    try:
        exists = await connection.fetchval(
            "SELECT true FROM pg_database WHERE datname = $1", database
        )
        if not exists:
            name = database.replace('"', '""')
            await connection.execute(f'CREATE DATABASE "{name}"')
        # Distributions append their own version after a space.
        version: str = connection.get_settings().server_version
        return version.split(maxsplit=1)[0]
    finally:
        await connection.close()
