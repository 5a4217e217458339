"""The ports of a fleet, each kept free until the program that is to have it starts."""

import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from wellhead.embedded.ports import ADDRESS, quiet_port


class Ports:
    """Ports of 127.0.0.1 that no other fleet gets, although nothing listens there yet.

    A context manager; at its end, those that nobody used are free again.
    """

    def __init__(self) -> None:
        self._held: dict[int, ExitStack] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release(*self._held)

    def take(self) -> int:
        """A port that is free, and stays so until it is released."""
        while True:
            port = quiet_port()
            stack = ExitStack()
            try:
                stack.enter_context(socket.create_server((ADDRESS, port)))
            except OSError:
                continue
            self._held[port] = stack
            return port

    def release(self, *ports: int) -> None:
        """Make room for the program that starts now; a second time does nothing."""
        for port in ports:
            if (held := self._held.pop(port, None)) is not None:
                held.close()
