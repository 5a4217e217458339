"""How a command connects: from the environment, or like the application's database object."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from wellhead.connecting import Hooks, Source
from wellhead.settings import DatabaseSettings
from wellhead.settings.migrating import PREFIX

Use = Annotated[
    str | None,
    typer.Option(
        "--use",
        metavar="MODULE:NAME",
        help="Connect as this wellhead.Database does, with its settings and hooks, such as "
        "shop.main:database. The working directory is searched, too.",
    ),
]


def source(prefix: str, path: str | None) -> Source | None:
    """How the command connects; None for the settings of ``DATABASE_*``, read when needed.

    Raises:
        typer.BadParameter: Two ways are given, or what ``--use`` names cannot be used.
        SettingsError: The settings with that prefix cannot be used.
    """
    if path is None:
        return None if prefix == PREFIX else DatabaseSettings(env_prefix=prefix)
    if prefix != PREFIX:
        raise typer.BadParameter(
            "--prefix and --use both say how to connect; give one of them.", param_hint="--use"
        )
    return _load(path)


def _load(path: str) -> Source:
    """Import the given database.

    Raises:
        typer.BadParameter: There is no such module or name, or it is not a database.
    """
    module, _, name = path.partition(":")
    if not (module and name):
        raise typer.BadParameter(f"{path!r} is not of the form MODULE:NAME.", param_hint="--use")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise typer.BadParameter(f"{path} was not found: {error}.", param_hint="--use") from error
    if not isinstance(getattr(found, "settings", None), DatabaseSettings) or not isinstance(
        getattr(found, "hooks", None), Hooks
    ):
        raise typer.BadParameter(
            f"{path} is of type {type(found).__name__}, not a wellhead.Database.",
            param_hint="--use",
        )
    database: Source = found
    return database
