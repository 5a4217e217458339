"""The load, in a process of its own: clients that ask again as soon as they have heard.

It reads a job a line from its input and writes what the job met, a line each, both as JSON. Each
connection has one request under way. There is no HTTP library between it and the socket, so that
it costs less than any server; what it did cost is in its result.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import cycle

import uvloop

from bench.speed.item import BODY
from bench.speed.job import Job, Met

_WRITE = (
    b"POST /items HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
PATIENCE = 10.0
"""Seconds after the end of a job for which it waits for the last responses."""

_SUCCESS = range(200, 300)


class Response:
    """Takes the bytes of one connection apart into responses."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The status and the body of each response that has come in whole."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            _, found, length = head.partition(b"\r\ncontent-length:")
            size = int(length.partition(b"\r\n")[0]) if found else 0
            end += 4
            if len(self._held) < end + size:
                return
            body, self._held = self._held[end : end + size], self._held[end + size :]
            yield int(head[9:12]), body


class Client(asyncio.Protocol):
    """One connection with one request under way, once it was told to `ask`."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._response = Response()
        self._asked = 0.0
        self._is_done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the server."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Note how long it took, and ask again."""
        for status, _ in self._response.feed(data):
            self._run.note(status, time.perf_counter() - self._asked)
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the server hung up, where it did."""
        del exc
        self._run.left(broken=not self._is_done)

    def ask(self) -> None:
        """Ask once more, unless the job is over; the first time in any case."""
        request = self._run.next_request(is_first=not self._asked)
        if request is None:
            self._is_done = True
            self._transport.close()
            return
        self._asked = time.perf_counter()
        self._transport.write(request)


class Run:
    """One job as it goes on."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._random = random.Random(job.rows)  # noqa: S311 - which row is read is no secret
        self._messages = cycle([each.encode() for each in job.messages])
        self._until = 0.0
        self._left_to_ask = job.requests or sys.maxsize
        self._times: list[float] = []
        self._errors = 0
        self._open = job.connections
        self._over = asyncio.Event()

    def next_request(self, *, is_first: bool) -> bytes | None:
        """The bytes to send; None when the job is over."""
        if self._left_to_ask <= 0 or (time.perf_counter() >= self._until and not is_first):
            return None
        self._left_to_ask -= 1
        if self._job.messages:
            return next(self._messages)
        if self._job.operation == "write":
            return _WRITE
        return b"GET /items/%d HTTP/1.1\r\nHost: bench\r\n\r\n" % self._random.randint(
            1, self._job.rows
        )

    def note(self, status: int, seconds: float) -> None:
        """A response has come."""
        if status in _SUCCESS:
            self._times.append(seconds)
        else:
            self._errors += 1

    def left(self, *, broken: bool) -> None:
        """A client is done, or its connection broke."""
        self._errors += broken
        self._open -= 1
        if not self._open:
            self._over.set()

    async def play(self) -> Met:
        """Connect all clients, let them ask, and wait for the last response."""
        loop = asyncio.get_running_loop()
        clients = [
            (await loop.create_connection(lambda: Client(self), "127.0.0.1", self._job.port))[1]
            for _ in range(self._job.connections)
        ]
        began, cpu = time.perf_counter(), time.process_time()
        self._until = began + self._job.seconds
        for client in clients:
            client.ask()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), self._job.seconds + PATIENCE)
        return Met(
            requests=len(self._times),
            errors=self._errors,
            unanswered=self._open,
            seconds=time.perf_counter() - began,
            p50=percentile(self._times, 0.5) * 1000,
            p99=percentile(self._times, 0.99) * 1000,
            cpu=time.process_time() - cpu,
        )


def percentile(values: list[float], share: float) -> float:
    """The value that a share of all does not exceed; 0 where there is none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def main() -> None:
    """Play jobs until there are no more."""
    for line in sys.stdin:
        met = uvloop.run(Run(Job(**json.loads(line))).play())
        print(json.dumps(asdict(met)), flush=True)


if __name__ == "__main__":
    main()
