"""The processes of an application behind HAProxy, and how each is replaced by a new one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bench.faults.apps import Kind, ServedApp
from bench.fleet.faults.side import Side
from bench.fleet.fleet import Fleet
from tests.staging.patience import until
from tests.staging.ports import reserve_port


class Applications:
    """Processes of one application, and a place to spare, where the next one starts.

    Args:
        kind: Which application.
        fleet: What it works on.
        directory: Where logs are to be.
        count: How many processes serve.
        environment: Their settings in addition to those of the kind.
    """

    def __init__(
        self,
        kind: Kind,
        fleet: Fleet,
        directory: Path,
        *,
        count: int,
        environment: Mapping[str, str],
    ) -> None:
        self._kind = kind
        self._fleet = fleet
        self._directory = directory
        self._environment = dict(environment)
        self._count = count
        self._all: list[ServedApp] = []
        self._spare = reserve_port()
        self._at: dict[int, ServedApp] = {}

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Side]:
        """Start all of them behind HAProxy, say where clients reach them, and end them."""
        try:
            yield await self._open()
        finally:
            await asyncio.gather(*(each.stop() for each in self._all))

    async def replace(self, **environment: str) -> None:
        """Replace each process: let the next one start and get requests, and drain the former.

        Args:
            **environment: What the new ones are told that the former ones were not.
        """
        self._environment |= environment
        for port in tuple(self._at):
            await self._replace(port, self._spare)

    async def _open(self) -> Side:
        ports = [reserve_port() for _ in range(self._count)]
        self._at = dict(zip(ports, await asyncio.gather(*map(self._start, ports)), strict=True))
        haproxy = self._fleet.haproxy
        haproxy.serve([*ports, self._spare])
        await haproxy.reload()
        # At first it takes each of them for up.
        await until(lambda: self._are_up({**dict.fromkeys(ports, True), self._spare: False}))
        served = list(self._at.values())
        door = await served[0].open_door()
        front = replace(door, base_url=f"http://127.0.0.1:{haproxy.applications_port}")
        return Side(self._kind, self._fleet.primary_url, served, front)

    async def _replace(self, port: int, spare: int) -> None:
        await until(lambda: self._are_up({spare: False}))
        self._at[spare] = await self._start(spare)
        await until(lambda: self._are_up({spare: True}))
        await self._at[port].stop()
        del self._at[port]
        self._spare = port

    async def _start(self, port: int) -> ServedApp:
        own = self._directory / f"{self._kind.table}-{len(self._all)}"
        own.mkdir()
        served = ServedApp(self._kind, own, environment=self._environment, port=port)
        self._all.append(served)
        await served.start(self._fleet.primary_url)
        return served

    async def _are_up(self, expected: Mapping[int, bool]) -> bool:
        up = await self._fleet.haproxy.up("applications")
        return all((port in up) is is_up for port, is_up in expected.items())
