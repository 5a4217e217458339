"""The Todo client in a real Chromium on a running service; `make browser` runs these tests.

All of them share one event loop, in which Playwright is.
"""

from collections.abc import AsyncIterator
from contextlib import chdir
from pathlib import Path

import pytest
import pytest_asyncio
from browser.findings import Findings
from browser.service import DatabaseServer, Service
from browser.todo_page import TodoPage
from browser.visitors import SECONDS, Visitors
from httpx2 import AsyncClient
from playwright.async_api import Browser, Page, async_playwright, expect
from staged import StagedAccount, make_account
from task_api import TaskAPI

from bench.todo_client.chromium import launching
from tests.staging.databases import Databases
from wellhead.testing.proxy import TCPProxy

expect.set_options(timeout=SECONDS * 1000)


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of tests in which the page is stored for a start without a network."""
    config.addinivalue_line("markers", "offline: the browsers of the test have service workers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this directory in the loop of Playwright."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One Chromium for the run."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launching())
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """A Todo API that all tests share: each with accounts of its own."""
    url = databases.create()
    service = Service(url)
    # No `.env` of the checkout reaches it.
    with chdir(tmp_path_factory.mktemp("service")):
        await service.start()
    yield service
    await service.stop()
    databases.drop(url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def outage(
    public_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[DatabaseServer, Service]]:
    """What `database_server` and `breakable_service` give to one test after the other."""
    server = DatabaseServer(public_directory / "outage")
    await server.start()
    # A request that finds no database waits so long before it is told.
    service = Service(server.url, DATABASE_CONNECT_TIMEOUT="2", DATABASE_POOL_TIMEOUT="3")
    with chdir(tmp_path_factory.mktemp("breakable")):
        await service.start()
    yield server, service
    await service.kill()
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def database_server(outage: tuple[DatabaseServer, Service]) -> DatabaseServer:
    """A database server that the test may stop and kill: for the next one it runs again."""
    server, _ = outage
    await server.start()
    return server


@pytest_asyncio.fixture(loop_scope="session")
async def breakable_service(outage: tuple[DatabaseServer, Service]) -> Service:
    """A Todo API on `database_server`, which the test may stop and kill likewise."""
    server, service = outage
    await server.start()
    await service.start()
    return service


@pytest_asyncio.fixture(loop_scope="session")
async def network(breakable_service: Service) -> AsyncIterator[TCPProxy]:
    """A network in front of `breakable_service` that the test may break."""
    async with TCPProxy("127.0.0.1", breakable_service.port) as network:
        yield network


@pytest.fixture
def findings() -> Findings:
    """What goes wrong in any page of the test; what is not expected fails it."""
    return Findings()


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(
    chromium: Browser, findings: Findings, request: pytest.FixtureRequest
) -> AsyncIterator[Visitors]:
    """Opens the client, in a browser of its own each time."""
    offline = request.node.get_closest_marker("offline") is not None
    visitors = Visitors(chromium, findings, offline=offline)
    yield visitors
    # What the page still reads is cut off when its browser closes.
    unexpected = findings.unexpected()
    await visitors.leave()
    assert unexpected == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(visitors: Visitors, service: Service) -> Page:
    """The client in a browser that has never been there."""
    return await visitors.come(service.address)


@pytest_asyncio.fixture(loop_scope="session")
async def api(service: Service) -> AsyncIterator[AsyncClient]:
    """A program that uses the same service."""
    async with AsyncClient(base_url=service.address, timeout=SECONDS) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def person(api: AsyncClient) -> StagedAccount:
    """Somebody with an account."""
    return await make_account(api)


@pytest_asyncio.fixture(loop_scope="session")
async def todo(page: Page, person: StagedAccount) -> TodoPage:
    """The client with somebody logged in."""
    todo = TodoPage(page)
    await todo.log_in(person)
    return todo


@pytest.fixture
def device(api: AsyncClient, person: StagedAccount) -> TaskAPI:
    """Another device of the same person, without the client."""
    return TaskAPI(api, person)
