"""``wellhead migrate``: the schema, up, down and looked at."""

from pathlib import Path
from typing import Annotated

import typer

from wellhead.cli.colour import paint
from wellhead.cli.exits import ExitCode, plain_errors
from wellhead.cli.source import Use, source
from wellhead.health import SchemaState
from wellhead.migrations import Migrations

app = typer.Typer(
    help="Migrate the schema, directly and one process at a time.",
    no_args_is_help=True,
)

Scripts = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The directory with env.py and versions. Otherwise alembic.ini, or [tool.alembic] in "
        "pyproject.toml, in the working directory says where it is.",
    ),
]

_EQUAL = (
    "The models equal the schema: tables, columns, defaults, constraints, indexes, comments, enum "
    "types."
)
_NOT_COMPARED = """\
Not compared: collations, storage, sequences, domains, extensions, views, functions, triggers,
policies, grants, whether an enum is an array, and what the options in env.py leave out."""

# So that -1 is a revision, and not an option.
_MINUS = {"ignore_unknown_options": True}


def _migrations(context: typer.Context, scripts: Path | None, use: str | None) -> Migrations:
    return Migrations(scripts, settings=source(context.obj, use))


def _said(state: SchemaState) -> str:
    return paint(f"The schema is {state}.", "ok" if state.is_ready else "warning")


@app.command()
def up(
    context: typer.Context,
    revision: Annotated[str, typer.Argument(help="Where to go.")] = "head",
    scripts: Scripts = None,
    use: Use = None,
) -> None:
    """Apply what is missing; waits while another process does it.

    Exit code 3: another process, or tables in use, kept it waiting for too long.
    """
    with plain_errors():
        done = _migrations(context, scripts, use).upgrade(revision, report=typer.echo)
    if not done:
        typer.echo("Nothing to do.")


@app.command(context_settings=_MINUS)
def down(
    context: typer.Context,
    revision: Annotated[
        str, typer.Argument(help="Where to go: a revision, -1 for one back, base for nothing left.")
    ],
    scripts: Scripts = None,
    use: Use = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The database's name; needed where it is on another machine."
        ),
    ] = None,
) -> None:
    """Take migrations back; what they added is destroyed."""
    with plain_errors():
        done = _migrations(context, scripts, use).downgrade(
            revision, named_database=database, report=typer.echo
        )
    if not done:
        typer.echo("Nothing to do.")


@app.command()
def status(context: typer.Context, scripts: Scripts = None, use: Use = None) -> None:
    """Say whether the schema is at head.

    Exit code 0: at head, or ahead of this program; 4: behind.
    """
    with plain_errors():
        migrations = _migrations(context, scripts, use)
        state = migrations.state()
        missing = [(revision, migrations.title_of(revision)) for revision in state.pending]
    typer.echo(_said(state))
    for revision, title in missing:
        typer.echo(f"  missing {revision} ({title})")
    if not state.is_ready:
        raise typer.Exit(ExitCode.BEHIND)


@app.command()
def check(context: typer.Context, scripts: Scripts = None, use: Use = None) -> None:
    """Say whether models equal the schema, and what was not compared.

    Exit code 4: they differ, or the schema is behind, so that they cannot be compared.
    """
    with plain_errors():
        migrations = _migrations(context, scripts, use)
        if not (state := migrations.state()).is_ready:
            typer.echo(_said(state))
            raise typer.Exit(ExitCode.BEHIND)
        differences = migrations.differences()
    if differences:
        typer.echo(paint("The models differ from the schema.", "warning"), nl=False)
        typer.echo(" A migration would have to do this:\n")
        typer.echo(differences)
        raise typer.Exit(ExitCode.BEHIND)
    typer.echo(paint(_EQUAL, "ok"))
    typer.echo(_NOT_COMPARED)


@app.command()
def new(
    context: typer.Context,
    message: Annotated[str, typer.Argument(help="What it does, in some words.")],
    scripts: Scripts = None,
    use: Use = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Do not compare anything; needs no database.")
    ] = False,
) -> None:
    """Write a migration from what differs between models and schema.

    Read it before you apply it.
    """
    with plain_errors():
        written = _migrations(context, scripts, use).new(message, is_empty=empty)
    if written is None:
        typer.echo("No difference was found: nothing to write. --empty writes it all the same.")
    else:
        typer.echo(f"Written: {written}")


@app.command()
def sql(
    context: typer.Context,
    revisions: Annotated[
        str, typer.Argument(help="Up to which, or from which to which, as in 0001:0003.")
    ] = "head",
    scripts: Scripts = None,
    use: Use = None,
    down: Annotated[
        bool, typer.Option("--down", help="The way back, as in --down 0003:0001.")
    ] = False,
) -> None:
    """Print the migrations as SQL; needs no database."""
    with plain_errors():
        text = _migrations(context, scripts, use).sql(revisions, is_downgrade=down)
    typer.echo(text, nl=False)
