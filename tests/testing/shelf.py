"""A small application, as the tests of an application know one."""

from fastapi import FastAPI
from sqlalchemy import bindparam, insert
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select

from wellhead import Database, compiled
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, install, lifespan


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Shelf(Table, table=True):
    """A row."""

    id: int | None = Field(default=None, primary_key=True)
    name: str


class Book(Table, table=True):
    """A row of another table that belongs to one of the first."""

    id: int | None = Field(default=None, primary_key=True)
    shelf_id: int = Field(foreign_key="shelf.id")


FIND = compiled(select(Shelf.name).where(Shelf.id == bindparam("id")))


async def fill(database: Database, *, shelves: int = 3) -> None:
    """Make the tables and some rows."""
    async with database.engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
        for number in range(shelves):
            await connection.execute(insert(Shelf).values(name=f"shelf {number}"))
            await connection.execute(insert(Book).values(shelf_id=number + 1))


def application(database: Database) -> FastAPI:
    """Routes for each way to the database."""
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.get("/shelves/{number}")
    async def read(number: int, reader: ReaderDep) -> Shelf | None:
        return await reader.get(Shelf, number)

    @app.get("/compiled/{number}")
    async def find(number: int) -> str:
        return await FIND.one(database, id=number)

    @app.post("/shelves")
    async def add(session: SessionDep) -> Shelf:
        session.add(shelf := Shelf(name="new"))
        return shelf

    @app.post("/run")
    async def run_it(run: RunDep) -> int:
        async def work(session: SessionDep) -> int:
            session.add(Shelf(name="new"))
            await session.flush()
            return 1

        return await run(work)

    @app.get("/each")
    async def each(session: SessionDep) -> int:
        """One query, and then one for each of its rows."""
        count = 0
        for shelf in (await session.exec(select(Shelf))).all():
            books = await session.exec(select(Book).where(Book.shelf_id == shelf.id))
            count += len(books.all())
        return count

    return app
