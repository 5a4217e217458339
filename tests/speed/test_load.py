"""The load: it reads responses, and asks a real server as often as it is told."""

import os
from pathlib import Path

import asyncpg
import pytest

from bench.speed.job import Job, Load
from bench.speed.load import Response, Run, percentile
from bench.speed.peer import BASE, PEERS
from bench.speed.server import serving
from bench.speed.table import Table

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 5\r\n\r\nhello"


def test_a_response_is_read_that_comes_in_one_piece() -> None:
    assert list(Response().feed(ANSWER)) == [(200, b"hello")]


def test_a_response_is_read_that_comes_byte_by_byte() -> None:
    response = Response()
    found = [each for at in range(len(ANSWER)) for each in response.feed(ANSWER[at : at + 1])]

    assert found == [(200, b"hello")]


def test_two_responses_in_one_piece_are_two() -> None:
    refusal = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"

    assert list(Response().feed(ANSWER + refusal)) == [(200, b"hello"), (503, b"")]


def test_a_response_without_a_length_has_no_body() -> None:
    assert list(Response().feed(b"HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n")) == [(204, b"")]


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 3.0
    assert percentile([1.0], 0.99) == 1.0
    assert percentile([], 0.5) == 0.0


def test_the_messages_of_a_job_are_sent_in_turn() -> None:
    run = Run(Job(0, "create", 1, 0, seconds=1.0, requests=3, messages=["one", "two"]))
    sent = [run.next_request(is_first=True) for _ in range(4)]

    assert sent == [b"one", b"two", b"one", None]


async def test_a_job_asks_as_often_as_it_is_told(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    connection = await asyncpg.connect(database_url)
    await Table(connection, 5).fill()
    peer = next(peer for peer in PEERS if peer.name == BASE)
    cores = os.sched_getaffinity(0)

    with Load.started() as load:
        async with serving(
            [peer], database_url, workers=1, pooler=False, cores=cores, logs=tmp_path
        ) as [server]:
            read = await load.play(Job(server.port, "read", 2, 5, seconds=600, requests=20))
            wrote = await load.play(Job(server.port, "write", 1, 5, seconds=600, requests=3))
            missed = await load.play(Job(server.port, "read", 1, 10_000, seconds=600, requests=4))

    assert (read.requests, read.errors) == (20, 0)
    assert (wrote.requests, wrote.errors) == (3, 0)
    assert (missed.requests, missed.errors) == (0, 4)
    assert await connection.fetchval("SELECT count(*) FROM items") == 8
    await connection.close()
