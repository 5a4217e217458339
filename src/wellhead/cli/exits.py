"""How a command ends: with an exit code for scripts and a sentence for people."""

import enum
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy.exc import SQLAlchemyError

from wellhead.cli.colour import paint
from wellhead.errors import MigrationBusyError, WellheadError
from wellhead.errors.discretion import sentence_of
from wellhead.retry import can_retry_connect


class ExitCode(enum.IntEnum):
    """What the exit codes of all commands mean."""

    DONE = 0
    FAILED = 1
    """It cannot succeed as it is; the reason is on standard error."""
    USAGE = 2
    """The command line is wrong."""
    TRY_LATER = 3
    """The database was unavailable, or in use, for as long as the command waited."""
    BEHIND = 4
    """The schema lacks migrations, or differs from the models."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; work in progress was rolled back."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the command with a sentence and an exit code instead of a traceback."""
    try:
        yield
    except WellheadError as error:
        can_retry = isinstance(error, MigrationBusyError) or can_retry_connect(error)
        raise end(str(error), ExitCode.TRY_LATER if can_retry else ExitCode.FAILED) from None
    except SQLAlchemyError as error:
        raise end(f"{sentence_of(error)}.", ExitCode.FAILED) from None


def end(sentence: str, code: ExitCode) -> typer.Exit:
    """Say why the command ends; what is returned is to be raised."""
    name = paint("wellhead:", "failure", stream=sys.stderr)
    typer.echo(f"{name} {sentence}", err=True)
    return typer.Exit(code)
