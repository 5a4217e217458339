"""The table that tests of replicas read from and write to, in every way."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, select, text, update

from wellhead import Database, compiled

NOTES = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("text", String))
SELECT = select(NOTES.c.text).where(NOTES.c.id == 1)
_COMPILED = compiled(SELECT)
_WRITE = compiled(update(NOTES).where(NOTES.c.id == 1).values(text=bindparam("said")))

Read = Callable[[Database], Coroutine[Any, Any, str | None]]
Write = Callable[[Database, str], Awaitable[object]]


async def by_reader(database: Database) -> str | None:
    """Read with a statement that is proved to be read-only."""
    async with database.reader() as reader:
        said: str | None = await reader.scalar(SELECT)
        return said


async def by_text(database: Database) -> str | None:
    """Read with text, in a read-only transaction."""
    async with database.reader() as reader:
        said: str | None = await reader.scalar(text("SELECT text FROM notes WHERE id = 1"))
        return said


async def by_query(database: Database) -> str | None:
    """Read with a compiled query."""
    return await _COMPILED.one_or_none(database)


async def by_query_of_reader(database: Database) -> str | None:
    """Read with a compiled query of a reader."""
    async with database.reader() as reader:
        return await _COMPILED.one_or_none(reader)


async def by_session(database: Database, said: str) -> None:
    """Write in a session."""
    async with database.session() as session:
        await session.execute(update(NOTES).where(NOTES.c.id == 1).values(text=said))


async def by_run(database: Database, said: str) -> None:
    """Write in a unit of work."""
    change = update(NOTES).where(NOTES.c.id == 1).values(text=said)
    await database.run(lambda session: session.execute(change))


async def by_compiled_write(database: Database, said: str) -> None:
    """Write with a compiled query, in autocommit."""
    await _WRITE.execute(database, said=said)


async def by_engine(database: Database, said: str) -> None:
    """Write with SQLAlchemy's engine."""
    async with database.engine.begin() as connection:
        await connection.execute(update(NOTES).where(NOTES.c.id == 1).values(text=said))


READS: tuple[Read, ...] = (by_reader, by_text, by_query, by_query_of_reader)
WRITES: tuple[Write, ...] = (by_session, by_run, by_compiled_write, by_engine)
