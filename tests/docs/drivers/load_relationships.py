"""Asks the routes of the page on relationships, and counts what deleting sends."""

from contextlib import suppress
from typing import Any

from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm.exc import DetachedInstanceError


async def use(page: dict[str, Any]) -> None:
    database, chapter, book = page["database"], page["Chapter"], page["Book"]
    transport = ASGITransport(page["app"])
    async with database, AsyncClient(transport=transport, base_url="http://test") as client:
        async with database.session() as session:
            chapters = [chapter(title="I"), chapter(title="II")]
            session.add(book(id=7, title="Emma", chapters=chapters))
        read = {"title": "Emma", "chapters": [{"title": "I"}, {"title": "II"}]}
        assert (await client.get("/books")).json() == [read]
        assert (await client.get("/books/7")).json() == read
        assert (await client.get("/books/7/contents")).json() == ["I", "II"]
        assert (await client.get("/chapters")).json() == [
            {"title": title, "book": {"title": "Emma"}} for title in ("I", "II")
        ]
        assert (await client.post("/books/7/reviews", params={"stars": 4})).json() == 4
        assert (await client.post("/books/7/reviews", params={"stars": 1})).json() == 2.5
        async with database.reader() as reader:
            strict = (await reader.exec(page["strict"])).one()
            assert [each.title for each in strict.chapters] == ["I", "II"]
            with suppress(InvalidRequestError):
                raise AssertionError(strict.chapters[0].book)
        async with database.reader() as reader:
            left = await reader.get(book, 7)
        with suppress(DetachedInstanceError):
            raise AssertionError(await left.awaitable_attrs.chapters)
        sent: list[str] = []

        @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
        def note(_c: object, _k: object, statement: str, *_: object) -> None:
            sent.append(statement[:6])

        assert (await client.delete("/books/7")).status_code == 204
        assert sent == ["SELECT", "DELETE"]
        assert (await client.get("/chapters")).json() == []
