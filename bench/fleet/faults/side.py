"""An application next to another on a fleet, both on the same way to the database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.faults.apps import Kind, ServedApp
from bench.faults.clients import Door
from bench.fleet.application import serve, shared_door
from bench.fleet.faults.route import Route, reading, url_of
from bench.fleet.fleet import APPLICATIONS, Fleet


@dataclass(frozen=True, slots=True)
class Side:
    """An application on a fleet.

    Attributes:
        kind: Which.
        url: Its way to the database.
        served: Its processes.
        door: Where clients reach them.
    """

    kind: Kind
    url: str
    served: Sequence[ServedApp]
    door: Door

    async def restart(self) -> None:
        """Kill all its processes and start them again."""
        for each in self.served:
            each.kill()
        await asyncio.gather(*(each.start(self.url) for each in self.served))


@asynccontextmanager
async def open_sides(
    fleet: Fleet, route: Route, kinds: Sequence[Kind], directory: Path
) -> AsyncIterator[list[Side]]:
    """Start applications on a fleet, each in several processes.

    Args:
        fleet: The fleet.
        route: Their way to the database.
        kinds: Which applications.
        directory: Where their logs are to be.
    """
    async with AsyncExitStack() as stack:
        sides = []
        for kind in kinds:
            url = url_of(route, fleet, kind)
            place = directory / route.name.lower()
            served = await stack.enter_async_context(
                serve(kind, url, APPLICATIONS, place, environment=reading(route, fleet, kind))
            )
            sides.append(Side(kind, url, served, await shared_door(served)))
        yield sides
