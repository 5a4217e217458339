"""``wellhead doctor``: what is wrong with the connection, why, and the cure."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from wellhead.cli.colour import paint
from wellhead.cli.exits import ExitCode, plain_errors
from wellhead.cli.source import Use, source
from wellhead.settings.migrating import PREFIX


def doctor(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="The database's URL; otherwise that of the settings. Other users of this machine "
            "can see it while the command runs.",
        ),
    ] = None,
    as_json_text: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, for programs.")
    ] = False,
    no_wake: Annotated[
        bool,
        typer.Option(
            "--no-wake", help="Stop after TLS: do not log in, which wakes a sleeping database."
        ),
    ] = False,
    replicas: Annotated[
        int | None,
        typer.Option(min=1, help="Containers or machines that run the application."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes in each of them.")] = None,
    scripts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The directory of the migrations, to check that they can run."
        ),
    ] = None,
    use: Use = None,
    code: Annotated[
        str | None,
        typer.Option("--explain", metavar="CODE", help="Say what a finding means, and exit."),
    ] = None,
) -> None:
    """Say what is wrong with the connection, why, and the cure.

    Never writes to the database. Exit code 0: no failure was found; 1: there is one.
    """
    # Thirty modules that no other command needs.
    from wellhead.doctor import DIAGNOSES, Outcome, Wishes, examine  # noqa: PLC0415
    from wellhead.doctor.as_json import as_json  # noqa: PLC0415
    from wellhead.doctor.in_words import explain, in_words  # noqa: PLC0415

    if code is not None:
        if code not in DIAGNOSES:
            known = ", ".join(DIAGNOSES)
            raise typer.BadParameter(f"{code!r} is not a code. The codes are: {known}.")
        typer.echo(explain(DIAGNOSES[code]), nl=False)
        return
    if url is not None and (use is not None or context.obj != PREFIX):
        raise typer.BadParameter("URL, --use and --prefix all say how to connect; give one.")
    with plain_errors():
        wishes = Wishes(
            url=url,
            source=None if use is None else source(context.obj, use),
            prefix=context.obj,
            may_wake=not no_wake,
            replicas=replicas,
            workers=workers,
            scripts=scripts,
        )
        report = asyncio.run(examine(wishes, say=_say))
    typer.echo(as_json(report) if as_json_text else in_words(report, paint), nl=as_json_text)
    if report.outcome is Outcome.FAILURE:
        raise typer.Exit(ExitCode.FAILED)


def _say(sentence: str) -> None:
    typer.echo(f"wellhead doctor: {sentence}", err=True)
