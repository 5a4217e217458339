"""The `todo` command: serve, migrate, clean up, back up, create demo data, and measure."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from todo import __version__
from todo.accounts.commands import user
from todo.banner import address_of, banner
from todo.listening import listen
from todo.provisioning import linking_to, provided_database, wait_for_database
from todo.server import Serving
from todo.server import serve as serve_until_stopped
from todo.settings import Settings
from todo.terminal import configured, duration, plain_errors
from wellhead import DatabaseSettings
from wellhead.errors import ConfigurationError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: that of rich shows flags as <bool>.
    rich_markup_mode=None,
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"todo {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """The Todo API on PostgreSQL. Settings come from the environment and from .env."""


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; HOST, or else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; PORT, or else 8000. 0: any."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Worker processes.")] = 1,
    reload: Annotated[
        bool | None,
        typer.Option(help="Restart when the code changes; RELOAD. One worker."),
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Migrate the database first.")] = False,
) -> None:
    """Serve the API until Ctrl-C.

    Without DATABASE_URL, on an embedded PostgreSQL.
    """
    with plain_errors():
        settings = configured()
        serving = Serving(
            host=settings.host if host is None else host,
            port=settings.port if port is None else port,
            workers=workers,
            reload=settings.reload if reload is None else reload,
            drain_seconds=settings.drain_seconds,
        )
        with listen(serving.host, serving.port) as listener, provided_database(settings) as data:
            if migrate:
                _upgrade(settings.database())
            else:
                asyncio.run(wait_for_database(settings.database()))
            text = banner(settings, serving, listener, data)
            with linking_to(address_of(serving, listener), settings):
                is_asked_for = serve_until_stopped(serving, listener, announce=lambda: _say(text))
    if not is_asked_for:
        raise typer.Exit(1)


@app.command()
def migrate() -> None:
    """Migrate the database to the newest schema."""
    with plain_errors():
        settings = configured()
        is_given = DatabaseSettings.is_given()
        with provided_database(settings) as data:
            database = settings.database()
            _upgrade(database)
            where = str(database.direct_url()) if is_given else data
    typer.echo(f"The schema is up to date: {where}")


@app.command()
def cleanup(
    completed_before: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="Also delete tasks completed longer ago than this, such as 30d, 12h or 2w.",
        ),
    ] = None,
) -> None:
    """Delete what has expired, and tasks only if told which."""
    from todo.cleanup import clean_up  # noqa: PLC0415 - the other commands need none of it
    from todo.schema import migrated_database  # noqa: PLC0415

    async def run(settings: Settings) -> None:
        async with migrated_database(settings) as database:
            cleaned = await clean_up(
                database,
                completed_before=completed_before,
                deleted_before=timedelta(days=settings.deleted_tasks_keep_days),
            )
        *counts, last = (f"{count} {kind}" for kind, count in cleaned.items())
        typer.echo(f"Deleted {', '.join(counts)} and {last}.")

    with plain_errors():
        settings = configured()
        with provided_database(settings):
            asyncio.run(run(settings))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, for its owner only.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write all data to one file, while the API serves."""
    from todo.backup.taking import take_backup  # noqa: PLC0415 - the other commands need none of it

    with plain_errors():
        settings = configured()
        with provided_database(settings):
            taken, others = asyncio.run(take_backup(settings.database(), file, overwrite=overwrite))
    if others:
        typer.echo(f"Left out, as not the application's: {', '.join(others)}", err=True)
    typer.echo(f"Backed up {taken.rows} rows of {len(taken.tables)} tables to {file}.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `todo backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what the database holds.")
    ] = False,
) -> None:
    """Load a backup into an empty database: all or nothing.

    Then migrate it to the newest schema.
    """
    from todo.backup.restoring import restore_backup  # noqa: PLC0415 - as above

    with plain_errors():
        settings = configured()
        with provided_database(settings):
            restored = restore_backup(settings.database(), file, replace=replace)
    made_at = restored.created_at.isoformat(timespec="seconds")
    typer.echo(f"Restored {restored.rows} rows of {len(restored.tables)} tables, as of {made_at}.")


@app.command()
def seed_demo() -> None:
    """Create a demo account with tasks and tags, once.

    Not in production.
    """
    from todo import demo  # noqa: PLC0415 - the other commands need none of it
    from todo.main import passwords_of  # noqa: PLC0415
    from todo.schema import migrated_database  # noqa: PLC0415

    async def run(settings: Settings) -> None:
        async with migrated_database(settings) as database:
            seeded = await demo.seed_demo(database, passwords_of(settings))
        found = f"was created, with {seeded.tasks} tasks" if seeded.account else "already exists"
        typer.echo(f"The demo account {found}.")
        typer.echo(f"  E-mail    {demo.EMAIL}")
        typer.echo(f"  Password  {demo.PASSWORD}")

    with plain_errors():
        settings = configured()
        if settings.is_production:
            raise ConfigurationError(
                "The demo account has a public password; APP_ENV is production."
            )
        with provided_database(settings):
            asyncio.run(run(settings))


@app.command()
def measure_logins() -> None:
    """Measure how many logins a second this machine can take.

    It takes a second, and needs no database.
    """
    from todo.accounts.capacity import measure  # noqa: PLC0415 - the other commands need none of it
    from todo.main import passwords_of  # noqa: PLC0415

    with plain_errors():
        settings = configured()
    at_once, memory_kib = settings.argon2_concurrency, settings.argon2_memory_kib
    found = asyncio.run(measure(passwords_of(settings), at_once=at_once))
    typer.echo(
        f"{found.per_second:.0f} logins per second in one worker: "
        f"{found.milliseconds:.0f} ms and {memory_kib / 1024:.0f} MiB each, {at_once} at a time "
        f"(ARGON2_TIME_COST={settings.argon2_time_cost}, ARGON2_MEMORY_KIB={memory_kib}, "
        f"ARGON2_PARALLELISM={settings.argon2_parallelism}, ARGON2_CONCURRENCY={at_once})."
    )


def _upgrade(database: DatabaseSettings) -> None:
    from todo.schema import program_migrations  # noqa: PLC0415 - only where it is asked for

    migrations = program_migrations(database)
    # The check needs no Alembic, which takes longer to load than the check.
    if migrations.state().position != "at_head":
        migrations.upgrade()


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()


app.add_typer(user, name="user")
