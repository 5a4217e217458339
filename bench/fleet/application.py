"""The processes of an application of a fleet."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bench.faults.apps import Kind, ServedApp
from bench.faults.clients import Door


@asynccontextmanager
async def serve(
    kind: Kind,
    url: str,
    count: int,
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[list[ServedApp]]:
    """Start an application in several processes, each with a port of its own, and stop them.

    Args:
        kind: Which application.
        url: Its database.
        count: How many processes.
        directory: Where their logs are to be.
        environment: More variables.
    """
    async with AsyncExitStack() as stack:
        served = []
        for number in range(count):
            own = directory / f"{kind.table}-{number}"
            own.mkdir(parents=True)
            served.append(ServedApp(kind, own, environment=environment))
            stack.push_async_callback(served[-1].stop)
        # The first one alone: the usual way creates its table when it starts.
        for some in (served[:1], served[1:]):
            await asyncio.gather(*(each.start(url) for each in some))
        yield served


async def shared_door(served: Sequence[ServedApp]) -> Door:
    """Where clients write who take turns with the processes of an application."""
    first, *others = served
    return replace(await first.open_door(), more=[each.base_url for each in others])
