"""`todo serve` with several workers, of which one dies while the database takes no connection."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from commands import SECONDS, Served, serving
from httpx2 import AsyncClient

from tests.staging.databases import Databases
from tests.staging.patience import until

pytestmark = pytest.mark.wellhead(commit=True)

FAILED = "failed to start"


@contextmanager
def closed(databases: Databases, url: str) -> Iterator[None]:
    """Let the database take no new connection in the block; existing ones stay."""
    change = f'ALTER DATABASE "{urlsplit(url).path[1:]}" ALLOW_CONNECTIONS'
    databases.execute(f"{change} false")
    try:
        yield
    finally:
        databases.execute(f"{change} true")


async def is_complete(served: Served, *, starts: int) -> None:
    await until(lambda: served.log().count("Application startup complete") == starts)


def kill_worker(served: Served) -> None:
    pid = re.findall(r"Started server process \[(\d+)\]", served.log())[0]
    os.kill(int(pid), signal.SIGKILL)


async def test_the_others_serve_until_it_can_be_replaced(
    wellhead_url: str, databases: Databases
) -> None:
    once = {"DATABASE_URL": wellhead_url, "DATABASE_CONNECT_RETRY_COUNT": "1"}
    with serving("--workers", "2", **once) as served:
        await is_complete(served, starts=2)
        async with AsyncClient(base_url=served.address, timeout=SECONDS, verify=False) as client:
            with closed(databases, wellhead_url):
                kill_worker(served)
                await until(lambda: served.log().count(FAILED))
                # It asks the database, on a connection that was there before.
                response = await client.post(
                    "/api/auth/login", data={"username": "a", "password": "b"}
                )
            await is_complete(served, starts=3)
        code, log = served.stop()

    assert (response.status_code, code) == (401, 0)
    assert log.count("replaces [") == log.count(FAILED)
