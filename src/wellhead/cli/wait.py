"""``wellhead wait``: until the database accepts connections."""

import asyncio
from typing import Annotated

import typer

from wellhead.cli.colour import paint
from wellhead.cli.exits import plain_errors
from wellhead.cli.source import Use, source
from wellhead.connecting import Connector, build_engine, connect_first, plan_pool
from wellhead.retry import connect_with_retry

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


def wait(
    context: typer.Context,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=86400, help="Maximum time to wait, in seconds.")
    ] = 60.0,
    direct: Annotated[
        bool, typer.Option("--direct", help="Wait for the server itself, past its pooler.")
    ] = False,
    use: Use = None,
) -> None:
    """Wait until the database accepts connections.

    Logs in and runs a query, so a server that is still starting, or a pooler without a server, does
    not count as available. Exit code 0: it is available; 3: it was not, in time; 1: waiting would
    not help, as with a wrong password.
    """
    with plain_errors():
        connector = Connector.of(source(context.obj, use))
        changes: dict[str, object] = {"pool_mode": "none"}
        if direct:
            changes["url"] = connector.settings.direct_url()
        connector = connector.toward(connector.settings.model_copy(update=changes))
        asyncio.run(_wait(connector, timeout=timeout))
    said = paint("The database accepts connections", "ok")
    typer.echo(f"{said}: {connector.settings.url}")


async def _wait(connector: Connector, *, timeout: float) -> None:
    engine = build_engine(connector, plan_pool(connector.settings))

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
        await connector.close()
        await engine.dispose()
