"""Two processes of the application on one database, and one key."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from commands import SECONDS, serving
from httpx2 import AsyncClient, Response, TransportError
from staged import StagedAccount, make_account
from writes import SAME_TAG, Connection, until_somebody_waits

from tests.staging.patience import until

pytestmark = pytest.mark.wellhead(commit=True)


@dataclass(frozen=True, slots=True)
class Served:
    """A running `todo serve`, and a client of it."""

    process: "subprocess.Popen[str]"
    client: AsyncClient

    async def post(self, account: StagedAccount) -> Response:
        """Create a task, always under the same key."""
        headers = {**account.headers, "Idempotency-Key": "once"}
        return await self.client.post(
            f"/api/{account.id}/tasks",
            json={"title": "Buy milk", "tags": ["new"]},
            headers=headers,
        )


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Served]:
    """A process of the application."""
    with serving(DATABASE_URL=url) as served:
        async with AsyncClient(base_url=served.address, timeout=SECONDS, verify=False) as client:
            yield Served(served.process, client)


async def test_two_processes_do_it_once_and_the_second_goes_on_where_the_first_was_killed(
    wellhead_url: str, server: Connection
) -> None:
    async with connected(wellhead_url) as one, connected(wellhead_url) as other:
        account = await make_account(one.client)
        answers = await asyncio.gather(*(each.post(account) for each in [one, other] * 4))
        assert await firsts_of(server, answers) == 1
        await server.execute("DELETE FROM idempotency_keys; DELETE FROM tasks; DELETE FROM tags")

        hold = server.transaction()
        await hold.start()
        await server.execute(SAME_TAG, account.id)
        lost = asyncio.create_task(one.post(account))
        await until_somebody_waits(server)
        one.process.kill()
        with pytest.raises(TransportError):
            await lost
        assert (await other.post(account)).status_code == 409
        await hold.rollback()

        answers.clear()

        async def is_answered() -> bool:
            answers.append(await other.post(account))
            return answers[-1].status_code != 409

        await until(is_answered)
        # The server may have ended what the killed process had sent.
        assert await firsts_of(server, answers[-1:]) in {0, 1}


async def firsts_of(server: Connection, answers: list[Response]) -> int:
    """There is one task, and every answer shows it or says that it is being made.

    Returns:
        How many are first answers, and none that is given again.
    """
    title, identifier = await server.fetchrow("SELECT title, id::text FROM tasks") or ("", "")
    assert title == "Buy milk"
    assert await server.fetchval("SELECT count(*) FROM tasks") == 1
    made = [answer for answer in answers if answer.status_code == 201]
    assert {answer.json()["id"] for answer in made} == {identifier}
    assert {answer.status_code for answer in answers} <= {201, 409}
    return sum("Idempotency-Replayed" not in answer.headers for answer in made)
