"""Sixteen clients that write all the time, and remember what they were told."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2

from bench.faults.answers import broken, read
from bench.faults.chance import chance
from bench.faults.ledger import Answer, Batch, Ledger, Outcome, Write

CLIENTS = 16
MARK = "fault suite"
"""How every title begins; a proxy that looks for it meets the query that writes a task."""

_SHARE_WITH_KEY = 0.5
_SHARE_WITH_NOTE = 0.25
_AT_ONCE = 4
_PAUSE_AFTER_FAILURE = (0.1, 0.3)
_RESOLVE_SECONDS = 120.0
_RESOLVERS = 8


@dataclass(frozen=True, slots=True)
class Door:
    """Where and how an application takes writes.

    Attributes:
        base_url: The server.
        tasks: The path of the tasks.
        headers: What every request carries.
        has_bulk: Whether many tasks can be completed at once.
        more: Further servers of the same application, which take turns with the first.
    """

    base_url: str
    tasks: str
    headers: Mapping[str, str] = field(repr=False)
    has_bulk: bool = False
    more: Sequence[str] = ()

    def connect(self, client: int = 0) -> httpx2.AsyncClient:
        """A connection of its own for the client with this number."""
        servers = (self.base_url, *self.more)
        return httpx2.AsyncClient(
            base_url=servers[client % len(servers)],
            headers=dict(self.headers),
            timeout=None,
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1),
            trust_env=False,
            verify=False,  # It speaks plain HTTP, and a context for TLS costs more than a request.
        )


class Crowd:
    """The clients of one application.

    Args:
        door: Where they write.
        rng: Decides about keys, notes and pauses.
        pause: Between how many seconds a client rests after a request that was served.
        patience: Seconds after which a client gives up waiting.
    """

    def __init__(
        self, door: Door, rng: random.Random, *, pause: tuple[float, float], patience: float
    ) -> None:
        self.ledger = Ledger()
        self._door = door
        self._rng = rng
        self._pause = pause
        self._patience = patience
        self._stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str) -> None:
        """Start all clients; the name is part of their titles."""
        for number in range(CLIENTS):
            work = self._work(number, f"{MARK}, {name}, {number}", chance(self._rng.random()))
            self._tasks.append(asyncio.create_task(work))

    async def stop(self) -> None:
        """Wait until each client has seen its last request end."""
        self._stopped.set()
        await asyncio.gather(*self._tasks)

    async def resolve(self) -> None:
        """Repeat what is unknown and may be repeated, until something definite is heard.

        Requests with an ``Idempotency-Key``, and changes, which are idempotent by themselves.
        """
        gate = asyncio.Semaphore(_RESOLVERS)
        limit = time.monotonic() + _RESOLVE_SECONDS

        async def one(write: Write) -> None:
            async with gate, self._door.connect() as client:
                await self._resolve(client, write, limit)

        unknown = [
            write
            for write in self.ledger.writes
            if any(answer.outcome is Outcome.UNKNOWN for answer in write.answers)
        ]
        await asyncio.gather(*(one(write) for write in unknown))

        async def another(batch: Batch) -> None:
            async with gate, self._door.connect() as client:
                batch.resolved = await _until_done(
                    lambda: self._complete(client, batch.ids, batch.key), limit=limit
                )

        await asyncio.gather(
            *(
                another(batch)
                for batch in self.ledger.batches
                if batch.answer.outcome is Outcome.UNKNOWN
            )
        )

    async def _work(self, number: int, name: str, rng: random.Random) -> None:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(self._door.connect(number))
            count = 0
            recent: list[Write] = []
            while not self._stopped.is_set():
                count += 1
                key = str(UUID(int=rng.getrandbits(128), version=4))
                write = await self._write(
                    client,
                    number,
                    f"{name}, {count}",
                    key=key if rng.random() < _SHARE_WITH_KEY else None,
                    wants_note=rng.random() < _SHARE_WITH_NOTE,
                )
                answers = write.answers
                if self._door.has_bulk and write.post.task_id is not None:
                    recent.append(write)
                if len(recent) == _AT_ONCE:
                    answers.append(await self._complete_all(client, number, recent, rng))
                    recent = []
                served = all(each.outcome is Outcome.ACKNOWLEDGED for each in answers)
                await asyncio.sleep(rng.uniform(*(self._pause if served else _PAUSE_AFTER_FAILURE)))

    async def _write(
        self,
        client: httpx2.AsyncClient,
        number: int,
        title: str,
        *,
        key: str | None,
        wants_note: bool,
    ) -> Write:
        write = Write(number, title, key, await self._post(client, title, key))
        self.ledger.writes.append(write)
        if wants_note and write.post.task_id is not None:
            write.note = f"note of {title}"
            write.patch = await self._patch(client, write.post.task_id, write.note)
        return write

    async def _complete_all(
        self, client: httpx2.AsyncClient, number: int, tasks: list[Write], rng: random.Random
    ) -> Answer:
        key = str(UUID(int=rng.getrandbits(128), version=4))
        given = key if rng.random() < _SHARE_WITH_KEY else None
        ids = [str(task.post.task_id) for task in tasks]
        answer = await self._complete(client, ids, given)
        titles = [task.title for task in tasks]
        self.ledger.batches.append(Batch(number, titles, ids, given, answer))
        return answer

    async def _complete(
        self, client: httpx2.AsyncClient, ids: list[str], key: str | None
    ) -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        body = {"action": "complete", "ids": ids}
        return await self._send(client, "POST", f"{self._door.tasks}/bulk", body, headers)

    async def _post(self, client: httpx2.AsyncClient, title: str, key: str | None) -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self._send(client, "POST", self._door.tasks, {"title": title}, headers)

    async def _patch(self, client: httpx2.AsyncClient, task_id: str, note: str) -> Answer:
        path = f"{self._door.tasks}/{task_id}"
        return await self._send(client, "PATCH", path, {"description": note}, {})

    async def _send(
        self,
        client: httpx2.AsyncClient,
        method: str,
        path: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> Answer:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                response = await client.request(method, path, json=body, headers=dict(headers))
        except (httpx2.HTTPError, TimeoutError) as error:
            return broken(error, began)
        return read(response, began)

    async def _resolve(self, client: httpx2.AsyncClient, write: Write, limit: float) -> None:
        if write.post.outcome is Outcome.UNKNOWN and (key := write.key) is not None:
            write.resolved = await _until_done(
                lambda: self._post(client, write.title, key), limit=limit
            )
        patch, task_id, note = write.patch, write.post.task_id, write.note
        if patch is not None and patch.outcome is Outcome.UNKNOWN and task_id and note:
            write.patch_resolved = await _until_done(
                lambda: self._patch(client, task_id, note), limit=limit
            )


async def _until_done(send: Callable[[], Awaitable[Answer]], *, limit: float) -> Answer:
    # Not every refusal ends it: a 503 says that this attempt did nothing, not what became of the
    # first, and a 409 that the first one is still running. But what is not there stays so.
    while (answer := await send()).outcome is not Outcome.ACKNOWLEDGED:
        if answer.words.startswith("404") or time.monotonic() > limit:
            break
        await asyncio.sleep(0.25)
    return answer
