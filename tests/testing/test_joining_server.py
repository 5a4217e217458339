"""Between two tests there is no transaction, and clients that are still open do no harm."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from wellhead import DatabaseSettings
from wellhead.testing.databases_of_run import connect
from wellhead.testing.joining import JoiningServer
from wellhead.testing.overheard import Overheard


async def test_what_is_sent_after_the_end_of_a_test_reaches_no_transaction(
    database_url: str,
) -> None:
    settings, name = DatabaseSettings(url=database_url), urlsplit(database_url).path[1:]
    server = JoiningServer(lambda: connect(settings, name), lambda *_: False, Overheard().listen)
    port = await server.start()
    await server.begin()
    client = await asyncpg.connect(
        host="127.0.0.1", port=port, user="wellhead", password=server.password, database=name
    )
    await client.execute("CREATE TABLE late (id int)")
    await server.roll_back()

    with pytest.raises(asyncpg.ConnectionFailureError, match="the test has ended"):
        await client.execute("CREATE TABLE late (id int)")
    await server.begin()
    assert await client.fetchval("SELECT to_regclass('late')") is None
    assert await client.fetchval("SELECT 7") == 7

    await client.close()
    await server.close()
