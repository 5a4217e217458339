"""The stream of events: how many, for how many pages, and how each ends."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest
from starlette.types import Message

from tests.fastapi.live.conftest import Served
from tests.staging.patience import until
from wellhead.fastapi.live import feed as module
from wellhead.fastapi.live.feed import MOST_STREAMS, Feed

Page = Callable[..., Served]


class Client:
    """An ASGI server's end of one stream.

    Attributes:
        events: What was sent to the client.
        reads: Unset while the client reads nothing.
        gone: Set when it has disconnected.
    """

    def __init__(self, feed: Feed) -> None:
        self.events: list[bytes] = []
        self.reads, self.gone = asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.is_complete = False
        self.task = asyncio.create_task(feed({}, self._receive, self._send))

    async def _receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.body":
            self.events.append(message["body"])
            self.is_complete = not message.get("more_body")


class Figures:
    """Counts how often they are read."""

    def __init__(self) -> None:
        self.reads = 0
        self.is_draining = False

    async def read(self) -> bytes:
        self.reads += 1
        return b"%d" % self.reads

    def feed(self) -> Feed:
        return Feed(self.read, is_draining=lambda: self.is_draining)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)


async def test_while_no_page_is_open_nothing_is_read() -> None:
    figures = Figures()
    feed = figures.feed()
    client = Client(feed)
    await until(lambda: client.events)
    client.gone.set()
    await client.task
    read = figures.reads
    tasks = asyncio.all_tasks()

    assert tasks == {asyncio.current_task()}
    assert (feed.streams, figures.reads) == (0, read)


async def test_several_pages_cost_one_reading() -> None:
    figures = Figures()
    feed = figures.feed()
    clients = [Client(feed) for _ in range(3)]
    await until(lambda: all(len(each.events) >= 3 for each in clients))
    for each in clients:
        each.gone.set()
    await asyncio.gather(*(each.task for each in clients))

    assert all(len(each.events) <= figures.reads + 1 for each in clients)
    assert clients[0].events[:3] == clients[1].events[:3] == clients[2].events[:3]


async def test_a_slow_client_gets_the_newest_and_none_is_kept_for_it() -> None:
    figures = Figures()
    client = Client(figures.feed())
    await until(lambda: client.events)
    client.reads.clear()
    before = figures.reads
    await until(lambda: figures.reads >= before + 10)
    client.reads.set()
    seen = len(client.events)
    await until(lambda: len(client.events) >= seen + 2)
    client.gone.set()
    await client.task

    # One was on its way; the next one is as new as it can be.
    assert int(client.events[seen + 1][6:]) >= before + 10


async def test_a_client_that_reads_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    feed = Figures().feed()
    client = Client(feed)
    await until(lambda: client.events)
    client.reads.clear()
    await client.task

    assert not client.is_complete
    assert feed.streams == 0


async def test_figures_that_cannot_be_read_end_the_stream_and_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> bytes:
        raise RuntimeError("out of order")

    feed = Feed(fail, is_draining=lambda: False)
    client = Client(feed)
    await client.task

    assert client.is_complete
    assert [getattr(each, "event", "") for each in caplog.records] == ["live_page_failed"]


async def test_a_second_page_gets_what_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 3600.0)
    figures = Figures()
    feed = figures.feed()
    first = Client(feed)
    await until(lambda: first.events)
    second = Client(feed)
    await until(lambda: second.events)
    for each in (first, second):
        each.gone.set()
        await each.task

    assert first.events[0] == second.events[0]
    assert figures.reads == 1


async def test_every_stream_ends_when_the_process_drains() -> None:
    figures = Figures()
    feed = figures.feed()
    client = Client(feed)
    await until(lambda: client.events)
    figures.is_draining = True
    await client.task

    assert client.is_complete
    assert feed.is_over


async def test_every_stream_ends_at_once_when_the_server_is_asked_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EVERY", 3600.0)
    passed_on: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: passed_on.append(number))
    try:
        client = Client(Figures().feed())
        await until(lambda: client.events)
        os.kill(os.getpid(), signal.SIGTERM)
        await client.task
    finally:
        signal.signal(signal.SIGTERM, before)

    assert client.is_complete
    assert passed_on == [signal.SIGTERM]


async def test_a_page_too_many_is_refused(page: Page) -> None:
    async with page(live_page=True) as (client, _):
        streams = [client.stream("GET", "/db/events") for _ in range(MOST_STREAMS)]
        for each in streams:
            await each.__aenter__()
        refused = await client.get("/db/events")
        for each in streams:
            await each.__aexit__(None, None, None)

        async def can_open() -> bool:
            async with client.stream("GET", "/db/events") as again:
                return again.status_code == 200

        await until(can_open)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
