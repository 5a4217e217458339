"""SQLite in memory, as far as Wellhead takes it."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from wellhead.errors import URLError
from wellhead.url import SQLiteURL, parse_url


@pytest.mark.parametrize(
    "written",
    [
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///",
        "sqlite+aiosqlite:///:memory:",
        "sqlite+aiosqlite:///:memory:?check_same_thread=False",
        "sqlite+aiosqlite:///file::memory:",
        "sqlite+aiosqlite:///file::memory:?uri=true",
        "sqlite+aiosqlite:///file:shop?mode=memory&uri=true",
        "sqlite+aiosqlite:///file:shop?mode=memory&cache=private",
    ],
)
def test_every_form_of_a_database_in_memory_is_taken(written: str) -> None:
    url = parse_url(written)

    assert isinstance(url, SQLiteURL)
    assert url.driver == "aiosqlite"
    assert str(url) == url.render(hide_password=False) == "sqlite+aiosqlite:///:memory:"


@pytest.mark.parametrize("name", [":memory:", "shop"])
def test_a_database_that_is_to_be_shared_has_a_name(name: str) -> None:
    url = parse_url(f"sqlite+aiosqlite:///file:{name}?mode=memory&cache=shared&uri=true")

    assert isinstance(url, SQLiteURL)
    assert url.name == name
    assert parse_url(str(url)) == url


@pytest.mark.parametrize("parameter", ["vfs=memdb", "cache=none", "password=x"])
def test_what_means_nothing_in_memory_is_refused(parameter: str) -> None:
    with pytest.raises(URLError, match="keep none but mode=memory and cache=shared"):
        parse_url(f"sqlite+aiosqlite:///:memory:?{parameter}")


def test_it_says_what_it_cannot_do() -> None:
    notes = " ".join(SQLiteURL.parse("sqlite+aiosqlite://").notes)

    assert "one connection" in notes
    assert "foreign keys" in notes


@pytest.mark.parametrize(
    "written",
    [
        "sqlite+aiosqlite:///app.db",
        "sqlite+aiosqlite:////srv/app.db",
        "sqlite+aiosqlite://host/x",
        "sqlite+aiosqlite:///file:app.db?uri=true",
        "sqlite+aiosqlite:///file:app.db?mode=ro&cache=shared",
        "sqlite+aiosqlite:///app.db?mode=memory",
    ],
)
def test_a_database_in_a_file_is_refused(written: str) -> None:
    with pytest.raises(URLError, match="only in memory: write sqlite"):
        parse_url(written)


def test_another_scheme_is_refused() -> None:
    with pytest.raises(URLError, match="not SQLite's"):
        SQLiteURL.parse("postgresql://user:word@host/db")


async def test_sqlalchemy_opens_it() -> None:
    url = SQLiteURL.parse("sqlite+aiosqlite:///:memory:")
    engine = create_async_engine(
        url.sqlalchemy_url(), connect_args=url.connect_args(), poolclass=StaticPool
    )
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE kept (number INTEGER)"))
    async with engine.connect() as connection:
        count = await connection.scalar(text("SELECT count(*) FROM kept"))
    await engine.dispose()

    assert count == 0
