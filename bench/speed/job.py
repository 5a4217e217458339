"""A job for the load, what it met, and the load as the benchmark holds it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Self

from bench.speed.peer import ROOT


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be asked.

    Attributes:
        port: Of the server.
        operation: ``read`` or ``write``.
        connections: How many clients.
        rows: Ids to read are from 1 to this, at random.
        seconds: For how long.
        requests: How many at the most; 0 for no limit.
        messages: Whole HTTP requests, sent in turn over all clients, in place of those of the
            operation; ASCII.
    """

    port: int
    operation: str
    connections: int
    rows: int
    seconds: float
    requests: int = 0
    messages: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Met:
    """What a job met.

    Attributes:
        requests: Responses that were good.
        errors: Responses that were not, and connections that broke.
        unanswered: Requests that were given up.
        seconds: From the first request to the last response.
        p50: The median time of a request, in milliseconds.
        p99: 99 of 100 took no longer, in milliseconds.
        cpu: CPU seconds of the load itself.
    """

    requests: int
    errors: int
    unanswered: int
    seconds: float
    p50: float
    p99: float
    cpu: float


class Load:
    """The load as its parent holds it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Self]:
        """Start the process, and end it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.speed.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            yield cls(process)
            assert process.stdin is not None  # noqa: S101 - it was asked for above
            process.stdin.close()

    async def play(self, job: Job) -> Met:
        """Play a job; the event loop goes on."""
        return await asyncio.to_thread(self._play, job)

    def _play(self, job: Job) -> Met:
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"The load ended in the middle of {job}.")
        return Met(**json.loads(line))
