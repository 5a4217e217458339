"""``wellhead wait``: until the database accepts connections."""

import asyncio
from typing import Annotated

import typer

from wellhead.cli.exits import plain_errors
from wellhead.engine import build_engine, connect_first, plan_pool
from wellhead.errors import ConnectError, UnreachableError
from wellhead.retry import connect_with_retry
from wellhead.settings import DatabaseSettings

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


def wait(
    timeout: Annotated[
        float, typer.Option(min=0.1, max=86400, help="Seconds to wait at the most.")
    ] = 60.0,
    direct: Annotated[
        bool, typer.Option("--direct", help="Wait for the server itself, past its pooler.")
    ] = False,
) -> None:
    """Wait until the database accepts connections.

    Logs in and asks, so a server that is still starting, or a pooler without a server, is not
    taken for one that is there. Exit code 0: it is there; 3: it was not, in time; 1: waiting
    would not help, as with a wrong password.
    """
    with plain_errors():
        settings = DatabaseSettings()
        if direct:
            settings = settings.model_copy(update={"url": settings.direct_url()})
        asyncio.run(_wait(settings, timeout=timeout))
    typer.echo(f"The database accepts connections: {settings.url}")


async def _wait(settings: DatabaseSettings, *, timeout: float) -> None:
    settings = settings.model_copy(update={"pool_mode": "none"})
    errors: list[ConnectError] = []
    engine = build_engine(settings, plan_pool(settings), on_connect_error=errors.append)

    async def attempt() -> None:
        await (await connect_first(engine, settings)).close()

    try:
        async with asyncio.timeout(timeout):
            await connect_with_retry(
                attempt, attempts=None, delay=_FIRST_PAUSE, max_delay=_LONGEST_PAUSE
            )
    except TimeoutError:
        last = f" {errors[-1].args[0]}" if errors else ""
        raise UnreachableError(
            f"The database did not accept a connection within {timeout:g} s.{last}",
            hint=errors[-1].hint if errors else None,
        ) from None
    finally:
        await engine.dispose()
