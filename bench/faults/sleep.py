"""Figure 5, sleep: a service that is up and idle lets its database sleep, and wakes it once.

Services run with all their probes and their metrics asked again and again, and nobody else asks
for anything. What then reaches the database, and how it comes back, is counted at a staged Neon.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.faults.todo_service import TodoService, User
from tests.staging.neon import Figures, StagedNeon, StoppedPostgres
from tests.staging.pgbouncer import Kind
from tests.staging.pki import PKI
from wellhead.health.health import FRESH_FOR

ABOUT_ITSELF = ("/health", "/db/", "/metrics")
"""How the paths begin that ask a service how it is; none of them may wake a database."""

SUSPEND_AFTER = 1.0
"""Seconds of idleness after which the compute sleeps; Neon's are 300 by default."""

_START_DELAY = 0.5
_AT_NEON = Kind("1.24", 1000)

SETTINGS = {
    # What the defaults are to Neon's 300 seconds, these are to the above.
    "DATABASE_POOL_CHECK_AFTER_IDLE": str(SUSPEND_AFTER / 10),
    "DATABASE_POOL_IDLE_TIMEOUT": str(SUSPEND_AFTER * 2),
    # The pool keeps some connections warm, as long as there is something to connect to.
    "DATABASE_POOL_MIN_IDLE": "2",
    "METRICS": "true",
}
"""How the services are set."""

ROUND = 0.5
"""Seconds between two rounds of probes."""

ROUNDS = round(1.2 * FRESH_FOR / ROUND)
"""Rounds while the compute sleeps: for longer than an answer of the database counts as news."""

CROWD = 100
"""Requests at the same time."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a service reaches its database.

    Attributes:
        name: What reports call it.
        url: The URL that it is given.
        is_by_name: Whether the URL has Neon's own host, so that the service has to be told where
            that is; and then it does without uvloop.
    """

    name: str
    url: str
    is_by_name: bool


def stage_neon(
    postgres: StoppedPostgres, pki: PKI, directory: Path, *, with_pooler: bool
) -> StagedNeon:
    """A compute that falls asleep soon."""
    return StagedNeon(
        postgres,
        pki,
        directory,
        start_delay=_START_DELAY,
        suspend_after=SUSPEND_AFTER,
        pooler=_AT_NEON if with_pooler else None,
    )


def ways(neon: StagedNeon, *, with_pooler: bool) -> list[Way]:
    """Both drivers, under Neon's name and by address with uvloop; through the pooler, too."""
    direct = [
        Way("direct, asyncpg", neon.url(), is_by_name=True),
        Way("direct, psycopg", _by_psycopg(neon.address_url()), is_by_name=False),
    ]
    if not with_pooler:
        return direct
    return [
        *direct,
        Way("pooled, asyncpg", neon.address_url(pooled=True), is_by_name=False),
        Way("pooled, psycopg", _by_psycopg(neon.url(pooled=True)), is_by_name=True),
    ]


def _by_psycopg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


@dataclass(frozen=True, slots=True)
class Waking:
    """One awakening.

    Attributes:
        starts: How often the compute was started for it.
        statuses: Of the requests that woke it.
        start_seconds: From the first connection until the compute ran.
        seconds: From the requests until the last was answered.
    """

    starts: int
    statuses: list[int]
    start_seconds: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"{len(self.statuses)} at once, {self.starts} start of {self.start_seconds:.2f} s, "
            f"the last answer {self.seconds - self.start_seconds:.2f} s later"
        )


@dataclass(frozen=True, slots=True)
class Quiet:
    """What happened while only the probes sent requests.

    Attributes:
        before: The stage's figures once the compute was asleep.
        after: The same at the end.
        probes: What was asked, again and again.
        answers: How often which of them gave which status.
    """

    before: Figures
    after: Figures
    probes: tuple[str, ...]
    answers: dict[tuple[str, int], int]

    @property
    def asked(self) -> int:
        """How many probes were sent."""
        return sum(self.answers.values())

    @property
    def sent(self) -> int:
        """Bytes that reached the compute."""
        return self.after.bytes_to_compute - self.before.bytes_to_compute

    @property
    def opened(self) -> int:
        """Connections to the compute or to the proxy before it."""
        return self.after.connections - self.before.connections

    def __str__(self) -> str:
        return (
            f"asleep: {self.asked} probes, "
            f"{self.sent} bytes and {self.opened} connections to the database"
        )


class Sleepers:
    """Services that share a compute, each by its own way, with tasks in the table.

    Args:
        neon: The stage; it suspends after `SUSPEND_AFTER`.
        ways: One for each service.
        directory: Where they run.
    """

    def __init__(self, neon: StagedNeon, ways: Sequence[Way], directory: Path) -> None:
        self._neon = neon
        self._ways = ways
        self._directory = directory
        self.services: dict[str, TodoService] = {}
        self.probes: tuple[str, ...] = ()
        self._users: dict[str, User] = {}

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.TaskGroup() as group:
                for way in self._ways:
                    group.create_task(self._start(way))
            self.probes = await self._find_probes()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.gather(*(service.__aexit__() for service in self.services.values()))

    async def be_quiet(self, rounds: int = ROUNDS) -> Quiet:
        """Ask all probes of all services until the compute sleeps, and so many rounds more."""
        while self._neon.compute.is_awake:
            await self._ask_probes()
        await self._neon.wait_until_asleep()
        before = self._neon.figures()
        answers: dict[tuple[str, int], int] = {}
        for _ in range(rounds):
            for answer in await self._ask_probes():
                answers[answer] = answers.get(answer, 0) + 1
        return Quiet(before, self._neon.figures(), self.probes, answers)

    async def wake(self, name: str, requests: int) -> Waking:
        """Send requests to a service whose compute sleeps: half of them write, the others read."""
        await self._neon.wait_until_asleep()
        loop, before = asyncio.get_running_loop(), self._neon.figures()
        began = loop.time()
        statuses = await asyncio.gather(
            *(self._request(name, writes=not number % 2) for number in range(requests))
        )
        seconds = loop.time() - began
        starts = self._neon.figures().starts - before.starts
        return Waking(starts, list(statuses), self._neon.compute.start_seconds, seconds)

    async def _start(self, way: Way) -> None:
        directory = self._directory / way.name.replace(" ", "-")
        directory.mkdir()
        environment = SETTINGS | (self._neon.environment if way.is_by_name else {})
        service = TodoService(directory, way.url, environment=environment)
        self.services[way.name] = service
        await service.__aenter__()
        self._users[way.name] = await service.user()
        # So that several connections are open when the compute falls asleep.
        statuses = await asyncio.gather(*(self._request(way.name, writes=True) for _ in range(20)))
        assert set(statuses) == {201}, statuses

    async def _find_probes(self) -> tuple[str, ...]:
        service = next(iter(self.services.values()))
        described = (await service.client.get("/openapi.json")).raise_for_status().json()["paths"]
        # What Prometheus scrapes is not described.
        paths = [path for path in (*described, "/metrics") if path.startswith(ABOUT_ITSELF)]
        answers = [await service.client.get(path) for path in paths]
        return tuple(
            path for path, answer in zip(paths, answers, strict=True) if answer.status_code != 404
        )

    async def _request(self, name: str, *, writes: bool) -> int:
        client, user = self.services[name].client, self._users[name]
        if writes:
            answer = await client.post(user.tasks, json={"title": "Sleep"}, headers=user.headers)
        else:
            answer = await client.get(user.tasks, headers=user.headers)
        return answer.status_code

    async def _ask_probes(self) -> list[tuple[str, int]]:
        """One round: the statuses of all probes, and the rest of the round's time."""
        pause = asyncio.create_task(asyncio.sleep(ROUND))
        asked = [
            (path, service.client.get(path))
            for service in self.services.values()
            for path in self.probes
        ]
        answers = await asyncio.gather(*(answer for _, answer in asked))
        await pause
        return [
            (path, answer.status_code) for (path, _), answer in zip(asked, answers, strict=True)
        ]
