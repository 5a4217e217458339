"""What an application adds to every connection: credentials, a set-up, engine arguments."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wellhead.connecting.credentials import Provide, takes_url
from wellhead.connecting.engine_options import check_engine_options
from wellhead.errors import SettingsError
from wellhead.pool.observing import Observer
from wellhead.settings import DatabaseSettings

SetUp = Callable[[Any], Awaitable[object]]
"""Sets up a new connection; its argument is the driver's own object."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an application adds to every connection.

    Attributes:
        credentials: Returns the password for new connections, or None for the URL's.
        set_up: Sets up each new connection, or None.
        engine_options: Further arguments for ``create_async_engine``.
        observers: Are called with what the database does.

    Raises:
        SettingsError: One of them cannot be used.
    """

    credentials: Provide | None = field(default=None, repr=False)
    set_up: SetUp | None = None
    engine_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    observers: tuple[Observer, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.credentials is not None:
            takes_url(self.credentials)
        if self.set_up is not None and not callable(self.set_up):
            raise SettingsError(
                f"set_up is of type {type(self.set_up).__name__}; it must be an async function of "
                "the driver's connection."
            )
        check_engine_options(self.engine_options)


class Hooked(Protocol):
    """An object that knows how to connect, such as a :class:`wellhead.Database`."""

    settings: DatabaseSettings

    @property
    def hooks(self) -> Hooks:
        """What is added to every connection."""
        ...


Source = DatabaseSettings | Hooked
"""How to connect: settings alone, or a :class:`wellhead.Database` for its settings and hooks."""


def taken_from(source: Source | None) -> tuple[DatabaseSettings, Hooks]:
    """The settings and hooks of a source; None reads the settings from the environment now."""
    if source is None:
        return DatabaseSettings(), Hooks()
    if isinstance(source, DatabaseSettings):
        return source, Hooks()
    return source.settings, source.hooks
