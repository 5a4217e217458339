"""Messages of a client: passed on whole and in order, while its end is listened for."""

import asyncio
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import pytest
from fastapi import HTTPException
from starlette.types import Message, Receive, Scope

from wellhead.fastapi import listening
from wellhead.fastapi.listening import Listener, ListenTimer

GONE: Message = {"type": "http.disconnect"}


def piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def scope_of(*headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "headers": list(headers)}


class Client:
    """A client of which the server hears these messages, and then nothing."""

    def __init__(self, *messages: Message | Exception) -> None:
        self.messages = list(messages)
        self.asked = 0

    async def receive(self) -> Message:
        self.asked += 1
        if not self.messages:
            await asyncio.Event().wait()
        message = self.messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return message


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "LISTEN_AFTER", 0)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Work:
    """The work for a request, which notes when its client has gone, and may do something then."""

    def __init__(self, on_gone: Callable[[], object] = bool) -> None:
        self.ends: list[str] = []
        self._on_gone = on_gone

    def watch(self) -> None:
        """Nothing: no time is kept here."""

    def gone(self) -> None:
        self.ends.append("gone")
        self._on_gone()


def listen(receive: Receive, *headers: tuple[bytes, bytes], work: Work | None = None) -> Listener:
    timer = ListenTimer(asyncio.get_running_loop())
    return Listener(scope_of(*headers), receive, timer, work or Work())


async def test_a_body_arrives_whole_and_in_order() -> None:
    client = Client(piece(b"a", more=True), piece(b"b", more=True), piece(b"c", more=False))
    listener = listen(client.receive)
    bodies = [(await listener.receive())["body"] for _ in range(3)]
    listener.stop()

    assert bodies == [b"a", b"b", b"c"]


@pytest.mark.usefixtures("soon")
async def test_the_end_is_heard_though_nobody_asks_and_the_body_is_kept() -> None:
    work = Work()
    listener = listen(Client(piece(b"all", more=False), GONE).receive, work=work)
    await settle()
    first, second, third = [await listener.receive() for _ in range(3)]

    assert work.ends == ["gone"]
    assert first["body"] == b"all"
    assert second == third == GONE


@pytest.mark.usefixtures("soon")
async def test_only_one_piece_of_a_long_body_is_read_ahead() -> None:
    client = Client(*(piece(b"x", more=True) for _ in range(5)))
    listener = listen(client.receive)
    await settle()
    ahead = client.asked
    await listener.receive()
    await settle()
    listener.stop()

    assert (ahead, client.asked) == (1, 2)


@pytest.mark.usefixtures("soon")
async def test_a_server_that_says_more_after_a_whole_body_is_asked_only_when_somebody_asks() -> (
    None
):
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return piece(b"again", more=False)

    listener = listen(receive)
    await settle()
    ahead = asked
    for _ in range(3):
        await listener.receive()
    await settle()
    listener.stop()

    assert (ahead, asked) == (2, 4)


@pytest.mark.usefixtures("soon")
async def test_a_body_that_the_client_holds_back_is_not_asked_for_early() -> None:
    client = Client(piece(b"x", more=False))
    listener = listen(client.receive, (b"expect", b"100-continue"))
    await settle()
    before = client.asked
    message = await listener.receive()
    listener.stop()

    assert before == 0
    assert message["body"] == b"x"


async def test_who_asks_and_gives_up_takes_nothing_from_the_next() -> None:
    arrived = asyncio.Event()

    async def receive() -> Message:
        await arrived.wait()
        arrived.clear()
        return piece(b"late", more=False)

    listener = listen(receive)
    hasty = asyncio.create_task(listener.receive())
    await settle()
    hasty.cancel()
    await settle()
    arrived.set()
    message = await listener.receive()
    listener.stop()

    assert hasty.cancelled()
    assert message["body"] == b"late"


@pytest.mark.usefixtures("soon")
async def test_a_client_that_held_its_body_back_is_listened_to_after_it() -> None:
    client, work = Client(piece(b"x", more=False), GONE), Work()
    listener = listen(client.receive, (b"expect", b"100-continue"), work=work)
    await listener.receive()
    await settle()
    listener.stop()

    assert work.ends == ["gone"]


@pytest.mark.usefixtures("soon")
async def test_while_somebody_asks_nobody_else_does_and_then_it_is_listened_to() -> None:
    arrived, asked, work = asyncio.Event(), 0, Work()

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        if asked == 2:
            return GONE
        await arrived.wait()
        return piece(b"late", more=False)

    listener = listen(receive, work=work)
    asking = asyncio.create_task(listener.receive())
    await settle()
    meanwhile = asked, list(work.ends)
    arrived.set()
    body = (await asking)["body"]
    await settle()

    assert (meanwhile, body) == ((1, []), b"late")
    assert (asked, work.ends) == (2, ["gone"])


async def test_an_end_that_is_heard_on_asking_cancels_there_and_is_heard_again() -> None:
    client = Client(GONE)

    def cancel() -> None:
        asking.cancel()

    listener = listen(client.receive, work=Work(cancel))
    asking = asyncio.create_task(listener.receive())
    await asyncio.wait({asking})

    assert asking.cancelled()
    assert await listener.receive() == GONE
    assert client.asked == 1


@pytest.mark.usefixtures("soon")
async def test_what_receiving_raises_is_raised_where_it_is_asked_for() -> None:
    listener = listen(Client(HTTPException(413)).receive)
    await settle()
    for _ in range(2):
        with pytest.raises(HTTPException):
            await listener.receive()


async def test_a_request_that_is_answered_at_once_is_not_listened_to() -> None:
    client = Client(piece(b"", more=False))
    listener = listen(client.receive)
    await settle()
    listener.stop()

    assert client.asked == 0


async def test_all_who_wait_share_a_timer_and_none_is_forgotten() -> None:
    loop, gone = asyncio.get_running_loop(), asyncio.Queue[int]()
    timer = ListenTimer(loop)

    def make(number: int) -> Listener:
        work = Work(partial(gone.put_nowait, number))
        return Listener(scope_of(), Client(GONE).receive, timer, work)

    with patch.object(loop, "call_at", wraps=loop.call_at) as call_at:
        _, second, *_ = [make(number) for number in range(3)]
        second.stop()
        timers = call_at.call_count
    heard = [await gone.get() for _ in range(2)]
    make(3)
    heard.append(await gone.get())

    assert timers == 1
    assert heard == [0, 2, 3]
