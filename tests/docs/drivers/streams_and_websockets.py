"""Reads each stream of the page from a real server, leaves one, and drains the last."""

import asyncio
import contextlib
import os
import signal
import socket
from typing import Any

import uvicorn
from httpx2 import AsyncClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.staging.patience import until


async def use(page: dict[str, Any]) -> None:
    database, reading = page["database"], page["Reading"]
    # uvicorn raises the signal once more when it has ended.
    signal.signal(signal.SIGTERM, lambda *_: None)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(page["app"], log_config=None, lifespan="on"))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    async with database.engine.begin() as connection:
        await connection.run_sync(reading.metadata.create_all)
    async with database.session() as session:
        session.add_all([reading(celsius=each) for each in (19.5, 21.5)])
    await all_back(database)

    async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/readings.csv")).text == "1,19.5\n2,21.5\n"
        assert (await client.get("/warm.csv")).text == "2,21.5\n"
        assert (await client.get("/readings.txt")).text == "19.5\n21.5\n"
        await all_back(database)
        async with client.stream("GET", "/events") as left:
            assert "19.5" in await anext(left.aiter_lines())
        await all_back(database)

        async with connect(f"ws://127.0.0.1:{port}/live") as live:
            await live.send("18")
            assert await live.recv() == "stored as 3"
            # It is open, and waits.
            await all_back(database)
            async with client.stream("GET", "/events") as events:
                lines = events.aiter_lines()
                assert "19.5" in await anext(lines)
                os.kill(os.getpid(), signal.SIGTERM)
                async for _ in lines:
                    pass
            with contextlib.suppress(ConnectionClosed):
                await live.recv()
            assert live.close_code == 1012
    await running


async def all_back(database: Any) -> None:
    await until(lambda: not database.stats().checked_out)
