"""The commands and their names."""

import logging
import signal
from importlib.metadata import version
from types import FrameType
from typing import Annotated

import typer

from wellhead.cli import doctor, migrate, pool_size, top, wait
from wellhead.settings.migrating import PREFIX
from wellhead.telemetry.logging import RedactingFormatter

app = typer.Typer(
    name="wellhead",
    help="Manage an application's database connection, with settings from DATABASE_* and .env.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: that of rich shows flags as <bool>, and takes [tool.alembic] for a style.
    rich_markup_mode=None,
)
app.add_typer(migrate.app, name="migrate")
app.command("wait")(wait.wait)
app.command("doctor")(doctor.doctor)
app.command("top")(top.top)
app.command("pool-size")(pool_size.pool_size)


def _print_version(is_asked_for: bool) -> None:
    if is_asked_for:
        typer.echo(f"wellhead {version('wellhead')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    prefix: Annotated[
        str,
        typer.Option(
            metavar="PREFIX",
            help="The prefix of the settings, for a further database, such as ARCHIVE_DATABASE_.",
        ),
    ] = PREFIX,
    _show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Manage an application's database connection, with settings from DATABASE_* and .env."""
    context.obj = prefix


def run() -> None:
    """Run the command with its log on standard error; SIGTERM ends it like Ctrl-C."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level="WARNING", handlers=[handler])
    # Without any handler, SQLAlchemy would add one for DATABASE_ECHO and log statements twice.
    logging.getLogger("sqlalchemy.engine.Engine").addHandler(logging.NullHandler())
    # Otherwise the server would continue a statement after its client is gone.
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts background jobs like this. asyncio needs a handler for stopping its work;
        # an ignored signal is blocked instead.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, signal.default_int_handler)
    app()


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number
    handler = signal.getsignal(signal.SIGINT)
    assert callable(handler)  # noqa: S101 - Python's, or asyncio's while it runs
    handler(signal.SIGINT, frame)
