"""What the commands share: settings, and expected errors in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import typer
from sqlalchemy.exc import DBAPIError

from todo.backup.errors import BackupError
from todo.durations import parse_duration
from todo.errors import TodoError
from todo.listening import AddressError
from todo.settings import Settings
from todo.web.logs import configure_logging
from wellhead import classify
from wellhead.errors import WellheadError


class CommandError(Exception):
    """A command cannot do what it was told; the message says why."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the command with a sentence and exit code 1 for expected errors."""
    try:
        yield
    except (WellheadError, AddressError, BackupError, CommandError, TodoError) as error:
        typer.echo(f"todo: {error}", err=True)
        raise typer.Exit(1) from None
    except DBAPIError as error:
        meaning = classify(error)
        if not meaning.is_expected:
            raise
        typer.echo(f"todo: {meaning.title} ({meaning.fault})", err=True)
        raise typer.Exit(1) from None


def duration(text: str) -> timedelta:
    """The type of an option such as `30d`."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def configured() -> Settings:
    """The settings, with the log as they say.

    Raises:
        SettingsError: A setting cannot be used.
    """
    settings = Settings()
    configure_logging(settings)
    return settings
