"""Two processes of the application on one database, and one key."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from httpx2 import AsyncClient, Response, TransportError
from staged import KEY, StagedAccount, make_account
from writes import Connection, until_somebody_waits

TODO = Path(sys.executable).with_name("todo")
CHEAP = {
    "ARGON2_TIME_COST": "1",
    "ARGON2_MEMORY_KIB": "7168",
    "ARGON2_PARALLELISM": "1",
    "JWT_SECRET_KEY": KEY,
}


@dataclass(frozen=True, slots=True)
class Served:
    """A running `todo serve`, and a client of it."""

    process: Process
    client: AsyncClient

    async def post(self, account: StagedAccount) -> Response:
        """Create a task, always under the same key."""
        headers = {**account.headers, "Idempotency-Key": "once"}
        return await self.client.post(
            f"/api/{account.id}/tasks", json={"title": "Buy milk"}, headers=headers
        )


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[Served]:
    """A process of the application."""
    process = await asyncio.create_subprocess_exec(
        *(TODO, "serve", "--port", "0"),
        env={**os.environ, **CHEAP, "PYTHONUNBUFFERED": "1", "DATABASE_URL": url},
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        assert process.stdout is not None
        found = None
        while found is None and (line := await process.stdout.readline()):
            found = re.search(r"Address  (http://\S+)", line.decode())
        assert found is not None
        async with AsyncClient(base_url=found[1], timeout=60) as client:
            yield Served(process, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_two_processes_do_it_once_and_the_second_goes_on_where_the_first_was_killed(
    migrated_url: str, server: Connection
) -> None:
    async with serving(migrated_url) as one, serving(migrated_url) as other:
        account = await make_account(one.client)
        answers = await asyncio.gather(*(each.post(account) for each in [one, other] * 4))
        await assert_done_once(server, answers)
        await server.execute("DELETE FROM idempotency_keys; DELETE FROM tasks")

        hold = server.transaction()
        await hold.start()
        await server.execute("LOCK TABLE tasks IN EXCLUSIVE MODE")
        lost = asyncio.create_task(one.post(account))
        await until_somebody_waits(server)
        one.process.kill()
        with pytest.raises(TransportError):
            await lost
        assert (await other.post(account)).status_code == 409
        await hold.rollback()

        for _ in range(100):
            answer = await other.post(account)
            if answer.status_code != 409:
                break
            await asyncio.sleep(0.05)
        await assert_done_once(server, [answer])


async def assert_done_once(server: Connection, answers: list[Response]) -> None:
    """There is one task, and every answer shows it or says that it is being made."""
    title, identifier = await server.fetchrow("SELECT title, id::text FROM tasks") or ("", "")
    assert title == "Buy milk"
    assert await server.fetchval("SELECT count(*) FROM tasks") == 1
    made = [answer for answer in answers if answer.status_code == 201]
    assert {answer.json()["id"] for answer in made} == {identifier}
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert sum("Idempotency-Replayed" not in answer.headers for answer in made) == 1
