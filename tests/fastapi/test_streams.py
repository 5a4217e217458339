"""Routes that stream: what they may take, and what becomes of their sessions."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import FastAPIError
from fastapi.responses import StreamingResponse
from sqlalchemy import literal
from sqlmodel import select, text

from tests.staging.patience import until
from tests.staging.server import serve
from wellhead import ConfigurationError, Database, DatabaseSettings
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, install, lifespan


def takes_generators() -> bool:
    """Whether this FastAPI has routes that yield their items; old ones have not."""

    async def items() -> AsyncIterator[int]:
        yield 1

    try:
        FastAPI().get("/")(items)
    except FastAPIError:
        return False
    return True


of_generators = pytest.mark.skipif(
    not takes_generators(), reason="this FastAPI has no routes that yield their items"
)


@pytest.fixture
def database(either_url: str) -> Database:
    return Database(DatabaseSettings(url=either_url, pool_size=1, max_overflow=0))


@pytest.fixture
def app(database: Database) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    return app


async def by_session(session: SessionDep) -> AsyncIterator[int]:
    yield len(session.new)


async def by_reader(reader: ReaderDep) -> AsyncIterator[int]:
    yield (await reader.exec(select(literal(1)))).one()


def in_a_thread(reader: ReaderDep) -> Iterator[int]:
    yield id(reader)


@of_generators
@pytest.mark.parametrize("route", [by_session, by_reader, in_a_thread])
@pytest.mark.parametrize("place", ["plain", "included", "mounted"])
async def test_a_generator_that_takes_what_has_ended_then_is_refused_at_the_start(
    route: Any, place: str, app: FastAPI
) -> None:
    target: Any = app
    if place == "included":
        target = APIRouter()
    elif place == "mounted":
        target = FastAPI()
        app.mount("/mounted", target)
    target.get("/items")(route)
    if place == "included":
        app.include_router(target)

    with pytest.raises(ConfigurationError, match=r"/items is a generator.*\n.*database.session"):
        app.build_middleware_stack()


@of_generators
async def test_a_generator_may_take_what_is_ended_by_nobody(app: FastAPI) -> None:
    async def check(session: SessionDep) -> int:
        return (await session.exec(select(literal(7)))).one()

    Checked = Annotated[int, Depends(check)]  # noqa: N806 - a type

    @app.get("/items", dependencies=[Depends(check)])
    async def items(run: RunDep, checked: Checked) -> AsyncIterator[int]:
        yield checked
        yield await run(check)

    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        response = await client.get("/items")

    assert response.text.split() == ["7", "7"]


async def test_a_client_that_leaves_a_stream_ends_its_query_and_gives_the_connection_back(
    app: FastAPI, database: Database, database_url: str
) -> None:
    @app.get("/slow")
    async def slow() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield "first"
            async with database.session() as session:
                await session.execute(text("SELECT pg_sleep(600)"))

        return StreamingResponse(lines())

    asked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' "
        "AND state = 'active'"
    )
    async with (
        Database(DatabaseSettings(url=database_url)) as watching,
        watching.engine.connect() as watch,
        serve(app) as base,
        httpx2.AsyncClient(base_url=base) as client,
    ):
        await watch.execution_options(isolation_level="AUTOCOMMIT")

        async def is_running() -> bool:
            return bool(await watch.scalar(asked))

        async def has_ended() -> bool:
            return not await is_running()

        async with client.stream("GET", "/slow") as response:
            chunks = response.aiter_text()
            assert await anext(chunks) == "first"
            await until(is_running)
        await until(has_ended)
        await until(lambda: database.stats().checked_out == 0)

        assert not any(database.stats().closed.values())
