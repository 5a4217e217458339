"""``wellhead pool-size``: the largest possible pool."""

from typing import Annotated

import typer

from wellhead.cli.exits import plain_errors
from wellhead.connecting.budget import RESERVED, Budget


def pool_size(
    context: typer.Context,
    max_connections: Annotated[
        int, typer.Option(min=1, help="The server's max_connections, or the pooler's limit.")
    ],
    replicas: Annotated[
        int, typer.Option(min=1, help="Containers or machines that run the application.")
    ],
    workers: Annotated[int, typer.Option(min=1, help="Processes in each of them.")],
    reserved: Annotated[
        int,
        typer.Option(min=0, help="Connections left for superusers, migrations and other clients."),
    ] = RESERVED,
) -> None:
    """Compute the largest pool that the server has connections for.

    Needs no database. Exit code 1: there are not enough connections for all processes.
    """
    processes = replicas * workers
    with plain_errors():
        size = Budget(
            processes=processes, per_process=1, limit=max_connections, reserved=reserved
        ).largest_pool()
    budget = Budget(
        processes=processes,
        per_process=size.per_process,
        limit=max_connections,
        reserved=reserved,
    )
    typer.echo(f"{context.obj}POOL_SIZE={size.pool_size}")
    typer.echo(f"{context.obj}MAX_OVERFLOW={size.max_overflow}")
    typer.echo(f"{context.obj}POOL_PROCESSES={processes}")
    typer.echo(f"# {budget}")
