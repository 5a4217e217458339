"""How a command ends: with an exit code for scripts and a sentence for people."""

import enum
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy.exc import SQLAlchemyError

from wellhead.errors import ConnectError, MigrationBusyError, WellheadError, sentence_of


class ExitCode(enum.IntEnum):
    """What the exit codes of all commands mean."""

    DONE = 0
    FAILED = 1
    """It cannot succeed as it is; the reason stands on standard error."""
    USAGE = 2
    """The command line is wrong."""
    TRY_LATER = 3
    """The database was not there, or was in use, for as long as the command waited."""
    BEHIND = 4
    """The schema lacks migrations, or differs from the models."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; what was in progress was taken back."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the command with a sentence and an exit code instead of a traceback."""
    try:
        yield
    except WellheadError as error:
        raise _end(str(error), _code_of(error)) from None
    except SQLAlchemyError as error:
        raise _end(f"{sentence_of(error)}.", ExitCode.FAILED) from None


def _end(sentence: str, code: ExitCode) -> typer.Exit:
    typer.echo(f"wellhead: {sentence}", err=True)
    return typer.Exit(code)


def _code_of(error: WellheadError) -> ExitCode:
    can_retry = isinstance(error, MigrationBusyError) or (
        isinstance(error, ConnectError) and error.can_retry
    )
    return ExitCode.TRY_LATER if can_retry else ExitCode.FAILED
