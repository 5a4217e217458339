"""What an application and its server say to each other, taken apart into round trips.

It is read on the wire, so it is the same for both drivers and for whatever is built on them.
"""

from collections.abc import Callable

from wellhead.testing.framing import ClientMessages

# After these a client waits for the server; after the others it may have more to say. So a large
# COPY, or one statement for many rows, is one round trip, though the server responds during it.
_GO_ON = frozenset({b"P", b"B", b"D", b"E", b"C", b"d"})

Statements = tuple[str, ...]
"""The texts of the statements that were run in one round trip, in their order."""


class Conversation:
    """Hears one connection.

    Args:
        tell: Told of each round trip, when its response begins, before the client hears it.
    """

    def __init__(self, tell: Callable[[Statements], None]) -> None:
        self._tell = tell
        self._messages = ClientMessages()
        self._prepared: dict[bytes, str] = {}
        self._bound: dict[bytes, str] = {}
        self._said: list[str] = []
        self._is_waited_for = False
        self._has_more = False

    def hear_client(self, data: bytes) -> None:
        """Bytes of the client have arrived."""
        self._is_waited_for = True
        self._has_more = False
        for kind, body in self._messages.read(data):
            self._has_more = kind in _GO_ON
            self._note(kind, body)

    def hear_server(self, data: bytes) -> None:
        """Bytes of the server have arrived."""
        del data
        if self._is_waited_for and not self._has_more:
            self._is_waited_for = False
            statements, self._said = tuple(self._said), []
            self._tell(statements)

    def _note(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            self._said.append(_text(body))
        elif kind == b"P":
            name, _, rest = body.partition(b"\0")
            self._prepared[name] = _text(rest)
        elif kind == b"B":
            portal, _, rest = body.partition(b"\0")
            self._bound[portal] = self._prepared.get(rest.partition(b"\0")[0], "")
        elif kind == b"E":
            # A cursor's portal is executed again for each further batch of its rows.
            statement = self._bound.pop(body.partition(b"\0")[0], None)
            # One statement for many rows is bound and executed for each.
            if statement is not None and statement not in self._said[-1:]:
                self._said.append(statement)
        elif kind == b"C" and body[:1] == b"S":
            self._prepared.pop(body[1:].partition(b"\0")[0], None)


def _text(body: bytes) -> str:
    return body.partition(b"\0")[0].decode(errors="replace")
