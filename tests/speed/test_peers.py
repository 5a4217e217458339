"""Every peer serves the same table in the same words, at the round trips of its way."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module

import asyncpg
import httpx2
import pytest

from bench.speed.item import BODY
from bench.speed.peer import BASE, PEERS, Peer
from bench.speed.table import Table
from wellhead.testing.proxy import TCPProxy

SIZE = 20
PRESENT = [
    pytest.param(
        peer, id=peer.name, marks=[pytest.mark.skip(reason=peer.missing)] if peer.missing else []
    )
    for peer in PEERS
]
REFERENCE = next(peer for peer in PEERS if peer.name == BASE)


@dataclass(frozen=True, slots=True)
class InProcess:
    """A peer that is served in the process of the test."""

    peer: Peer
    client: httpx2.AsyncClient

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        response = await self.client.request(method, path, content=body, headers=headers)
        return response.status_code, response.content


async def serve(peer: Peer, stack: AsyncExitStack) -> InProcess:
    factory = getattr(import_module(peer.module), peer.app.partition(":")[2])
    app = factory()
    await stack.enter_async_context(app.router.lifespan_context(app))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://bench")
    return InProcess(peer, await stack.enter_async_context(client))


@pytest.fixture
async def table(
    database_url: str, proxied_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Table]:
    monkeypatch.setenv("DATABASE_URL", proxied_url)
    connection = await asyncpg.connect(database_url)
    table = Table(connection, SIZE)
    await table.fill()
    yield table
    await connection.close()


@pytest.mark.parametrize("peer", PRESENT)
async def test_it_answers_the_same_bytes_as_the_others(peer: Peer, table: Table) -> None:
    async with AsyncExitStack() as stack:
        await table.compare([await serve(each, stack) for each in (REFERENCE, peer)])


@pytest.mark.parametrize("peer", PRESENT)
async def test_it_says_that_there_is_no_such_row(peer: Peer, table: Table) -> None:
    async with AsyncExitStack() as stack:
        status, _ = await (await serve(peer, stack)).ask("GET", f"/items/{table.rows + 1}")

    assert status == 404


@pytest.mark.parametrize(
    ("name", "read", "write"),
    [
        ("starlette_asyncpg", 1, 1),
        ("fastapi_asyncpg", 1, 1),
        ("sqlalchemy_core", 1, 1),
        ("wellhead_compiled", 1, 1),
        ("wellhead_session", 1, 3),
        ("wellhead_session_run", 1, 3),
        ("usual_way", 6, 6),
        ("sqlmodel_tutorial", 3, 6),
        ("full_stack_template", 3, 6),
    ],
)
@pytest.mark.usefixtures("table")
async def test_a_warm_request_costs_the_round_trips_of_its_way(
    name: str, read: int, write: int, proxy: TCPProxy
) -> None:
    peer = next(peer for peer in PEERS if peer.name == name)
    async with AsyncExitStack() as stack:
        served = await serve(peer, stack)
        # psycopg prepares a statement when it comes for the sixth time.
        for _ in range(8):
            await served.ask("GET", "/items/1")
            await served.ask("POST", "/items", BODY)
        counted: list[tuple[int, int]] = []
        for request in (("GET", "/items/1", b""), ("POST", "/items", BODY)):
            proxy.reset()
            status, _ = await served.ask(*request)
            counted.append((status, proxy.round_trips))

    assert counted == [(200, read), (201, write)]
