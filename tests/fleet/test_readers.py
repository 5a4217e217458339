"""What the readers of the fleet take for a stale read, and what for a failure."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.faults.chance import chance
from bench.faults.clients import Door
from bench.faults.ledger import Answer, Ledger, Outcome, Write
from bench.fleet.faults.readers import Readers
from tests.staging.patience import until
from wellhead.embedded.ports import ADDRESS

PATIENCE = 60.0


@asynccontextmanager
async def responding(status: int, asked: list[tuple[str, str]]) -> AsyncIterator[Door]:
    """A server with one response for every request; paths and headers go into a list."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := (await reader.readline()).split():
            headers = await reader.readuntil(b"\r\n\r\n")
            asked.append((request[1].decode(), headers.decode().lower()))
            writer.write(f"HTTP/1.1 {status} Staged\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        writer.close()

    server = await asyncio.start_server(serve, ADDRESS)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Door(f"http://{ADDRESS}:{port}", "/tasks", {})


def ledger(*ids: str | None, mark: str | None = None) -> Ledger:
    """Writes that were acknowledged, or, without an id, refused."""
    return Ledger(
        [
            Write(0, f"title of {each}", None, Answer(outcome_of(each), "", 0, 1, each, mark))
            for each in ids
        ]
    )


def outcome_of(task_id: str | None) -> Outcome:
    return Outcome.REFUSED if task_id is None else Outcome.ACKNOWLEDGED


async def read_all(status: int, written: Ledger) -> tuple[Readers, list[tuple[str, str]]]:
    asked: list[tuple[str, str]] = []
    async with responding(status, asked) as door:
        readers = Readers(door, written, chance(1), patience=PATIENCE)
        readers.start()
        await until(lambda: len(readers.answers) >= 4)
        await readers.stop()
    return readers, asked


async def test_they_ask_for_what_was_acknowledged_last() -> None:
    readers, asked = await read_all(200, ledger("first", "last", None))

    assert {path for path, _ in asked} == {"/tasks/last"}
    assert not any(read.found_nothing for read in readers.reads)
    assert readers.failures() == Counter()


async def test_they_pass_on_the_mark_of_the_client_that_wrote_it() -> None:
    _, marked = await read_all(200, ledger("last", mark="as-far-as-this"))
    _, unmarked = await read_all(200, ledger("last"))

    assert all("wellhead-read-after: as-far-as-this\r\n" in headers for _, headers in marked)
    assert not any("wellhead-read-after" in headers for _, headers in unmarked)


async def test_not_to_find_it_is_what_the_read_shows_and_no_failure() -> None:
    readers, asked = await read_all(404, ledger("last"))

    assert [read.found_nothing for read in readers.reads] == [True] * len(asked)
    assert readers.failures() == Counter()


async def test_any_other_error_is_a_failure_and_shows_nothing() -> None:
    readers, asked = await read_all(503, ledger("last"))

    assert not any(read.found_nothing for read in readers.reads)
    assert readers.failures() == Counter({"503 for a read": len(asked)})
