"""The embedded server: one for each directory, kept, shared, and gone with its owners."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from wellhead.embedded import EmbeddedPostgres


@pytest.fixture
def directory(public_directory: Path, request: pytest.FixtureRequest) -> Path:
    """A place for a server's data that does not exist yet."""
    name: str = request.node.name
    return public_directory / name


@pytest.fixture
def server(directory: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(directory, durable=False) as server:
        yield server


def ask(url: str, sql: str) -> object:
    """The first value that a statement returns."""

    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def answers(url: str) -> bool:
    """Whether a server listens where the URL points."""
    try:
        ask(url, "SELECT 1")
    except OSError:
        return False
    return True


def test_the_url_opens_a_database_over_tcp_with_a_password(server: EmbeddedPostgres) -> None:
    assert ask(server.url, "SELECT current_database()") == "wellhead"
    assert ask(server.url, "SELECT host(inet_server_addr())") == "127.0.0.1"
    assert ask(server.url, "SELECT setting FROM pg_settings WHERE name = 'port'") == str(
        server.port
    )
