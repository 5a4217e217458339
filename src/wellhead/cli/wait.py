"""``wellhead wait``: until the database accepts connections."""

import asyncio
from typing import Annotated

import typer

from wellhead.cli.exits import plain_errors
from wellhead.connecting import Connector, build_engine, connect_first, plan_pool
from wellhead.retry import connect_with_retry
from wellhead.settings import DatabaseSettings

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


def wait(
    context: typer.Context,
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
        settings = DatabaseSettings(env_prefix=context.obj)
        if direct:
            settings = settings.model_copy(update={"url": settings.direct_url()})
        asyncio.run(_wait(settings, timeout=timeout))
    typer.echo(f"The database accepts connections: {settings.url}")


async def _wait(settings: DatabaseSettings, *, timeout: float) -> None:
    settings = settings.model_copy(update={"pool_mode": "none"})
    connector = Connector(settings)
    engine = build_engine(connector, plan_pool(settings))

    async def attempt() -> None:
        await (await connect_first(engine, connector)).close()

    try:
        await connect_with_retry(
            attempt,
            attempts=None,
            delay=_FIRST_PAUSE,
            max_delay=_LONGEST_PAUSE,
            deadline=timeout,
        )
    finally:
        await engine.dispose()
