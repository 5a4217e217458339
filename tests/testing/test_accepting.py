"""What listens for the tests of an application leaves no connection behind when it ends.

A pool that is still opening connections at the end of a test connects at just that moment.
"""

import asyncio
import gc
import socket
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from wellhead.testing.joining import JoiningServer
from wellhead.testing.overheard import Overheard
from wellhead.testing.proxy import TCPProxy

Listening = tuple[int, Callable[[], Awaitable[Any]]]
"""The port, and the end."""


async def proxying() -> Listening:
    proxy = TCPProxy("127.0.0.1", 1)
    await proxy.accept()
    return proxy.port, lambda: proxy.__aexit__(None, None, None)


async def joining() -> Listening:
    async def connect() -> Any:
        raise AssertionError

    server = JoiningServer(connect, lambda *_: False, Overheard().listen)
    return await server.start(), server.close


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("listen", [proxying, joining])
def test_a_connection_that_comes_just_before_the_end_is_closed(
    listen: Callable[[], Awaitable[Listening]], turns: int
) -> None:
    async def connect_and_end() -> None:
        port, end = await listen()
        client.connect(("127.0.0.1", port))
        for _ in range(turns):
            await asyncio.sleep(0)
        await end()

    # Not asyncio.run: it would cancel what was left to do.
    loop = asyncio.new_event_loop()
    with (
        socket.socket() as client,
        warnings.catch_warnings(record=True, category=ResourceWarning) as left,
    ):
        warnings.simplefilter("always", ResourceWarning)
        loop.run_until_complete(connect_and_end())
        loop.close()
        gc.collect()

    assert [str(each.message) for each in left] == []
