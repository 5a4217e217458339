"""Listens to the connections of the current test, for counts and faults."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from wellhead.errors import ConfigurationError
from wellhead.testing.conversation import Conversation, Statements
from wellhead.testing.proxied_connection import Ear

_present: "list[Overheard]" = []


class Overheard:
    """Connections on which all that is said is heard.

    Attributes:
        refusal: Why nothing is heard after all, or None.
        faults_refusal: Why connections must not be broken now, or None where they may.
    """

    def __init__(self) -> None:
        self.refusal: str | None = None
        self.faults_refusal: str | None = None
        self._told: list[Callable[[Statements], None]] = []

    def listen(self) -> Conversation:
        """What is to hear one more connection."""
        return Conversation(self._tell)

    @contextmanager
    def present(self, *, faults_refusal: str | None = None) -> Iterator[Self]:
        """Let the instruments work here, in any thread, while the block lasts.

        Args:
            faults_refusal: Why connections must not be broken; None where they may.
        """
        self.faults_refusal = faults_refusal
        _present.append(self)
        try:
            yield self
        finally:
            _present.remove(self)
            self.faults_refusal = None

    @contextmanager
    def telling(self, tell: Callable[[Statements], None]) -> Iterator[None]:
        """Tell of each round trip while the block lasts, in the thread that hears it.

        Args:
            tell: Called with the statements of each, before the application hears the response.
        """
        self._told.append(tell)
        try:
            yield
        finally:
            self._told.remove(tell)

    def _tell(self, statements: Statements) -> None:
        for tell in [*self._told]:
            tell(statements)


def overhear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ear: Ear) -> None:
    """Let an ear hear a client that is served in this process.

    Args:
        reader: What the client says.
        writer: The way to it.
        ear: Hears both.
    """
    feed, write = reader.feed_data, writer.write

    def hear_client(data: bytes) -> None:
        ear.hear_client(data)
        feed(data)

    def hear_server(data: bytes) -> None:
        ear.hear_server(data)
        write(data)

    # In place of the methods, on these two objects only: another hop would cost a change of thread.
    vars(reader)["feed_data"], vars(writer)["write"] = hear_client, hear_server


def overheard_now(instrument: str, *, breaks: bool = False) -> list[Overheard]:
    """The connections on which an instrument works now.

    Args:
        instrument: Its name, for the error.
        breaks: Whether it breaks connections.

    Raises:
        ConfigurationError: There are none, or it may not; the message says why.
    """
    if not _present:
        raise ConfigurationError(
            f"{instrument} has nothing to work on: no database of the pytest plugin is in use.",
            hint="Add the fixture database to the test, or to the fixture of its client.",
        )
    for each in _present:
        refusal = each.refusal or (each.faults_refusal if breaks else None)
        if refusal is not None:
            raise ConfigurationError(f"{instrument} cannot work here: {refusal}")
    return [*_present]
