"""What an application was given: its databases, by name, and the form of its error responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fastapi.requests import HTTPConnection
from starlette.applications import Starlette

from wellhead.database import Database
from wellhead.errors import ConfigurationError, NotOpenError
from wellhead.fastapi.mounted import HOST

MAIN = "default"
"""The name of the database given without one."""

Form = Literal["problems", "detail", "own"]


@dataclass(frozen=True, slots=True)
class Installed:
    """What :func:`wellhead.fastapi.install` gave to an application.

    Attributes:
        databases: By name, the main one first.
        errors: The form of error responses.
    """

    databases: Mapping[str, Database[Any]]
    errors: Form

    @property
    def is_one(self) -> bool:
        """Whether there is only the main database."""
        return len(self.databases) == 1


def installed_in(app: Starlette) -> Installed | None:
    """What this application itself was given."""
    installed = getattr(app.state, "wellhead", None)
    return installed if isinstance(installed, Installed) else None


def installed_for(connection: HTTPConnection) -> Installed:
    """What the application was given; for a mounted one without, what its parent was given.

    Raises:
        NotOpenError: Neither was given anything.
    """
    for app in (connection.app, connection.scope.get(HOST)):
        installed = installed_in(app) if app is not None else None
        if installed is not None:
            return installed
    raise NotOpenError(
        "The application has no database.",
        hint="Call wellhead.fastapi.install(app, database) where the application is created, or "
        "mount it in one that has a database.",
    )


def database_of(connection: HTTPConnection, name: str = MAIN) -> Database[Any]:
    """A database of the application.

    Raises:
        NotOpenError: The application has none at all.
        ConfigurationError: It has none with this name.
    """
    databases = installed_for(connection).databases
    if name not in databases:
        raise ConfigurationError(
            f"The application has no database {name!r}; it has {', '.join(databases)}.",
            hint=f"Name it where they are given: install(app, database, {name}=...).",
        )
    return databases[name]
