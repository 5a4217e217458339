"""The prepared statements of the connections that join one transaction, each with names of its own.

Drivers count their statements from one on each connection; on the server they would meet.
"""

from itertools import count

from wellhead.testing.controls import Control, control_of
from wellhead.testing.framing import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    NO_DATA,
    NO_PARAMETERS,
    PARSE_COMPLETE,
    framed,
    texts_of,
)


class ClientStatements:
    """Names of one client, and what the server knows them by.

    Args:
        number: The client's.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._counter = count(1)
        self._names: dict[bytes, bytes] = {}
        self._texts: dict[bytes, str] = {}
        self._portals: dict[bytes, bytes] = {}

    def forget(self, name: str) -> None:
        """Forget a statement, or with an empty name all of them."""
        if name:
            self._names.pop(name.encode(), None)
        else:
            self._names.clear()

    def translate(self, kind: bytes, body: bytes) -> tuple[bytes, Control | None, str]:
        """What the server is to hear instead; or what the client hears, and what is to be done.

        Returns:
            Bytes, the control of a statement that never reaches the server, and the text of one
            that is executed.
        """
        if kind == b"P":
            (name, text), rest = texts_of(body, 2)
            own = b"wellhead_%d_%d" % (self._number, next(self._counter))
            self._names[name] = own
            self._texts[own] = text.decode()
            said = framed(kind, own + b"\0" + text + b"\0" + rest)
            return self._sorted(own, said, PARSE_COMPLETE)
        if kind == b"B":
            (portal, name), rest = texts_of(body, 2)
            own = self._portals[portal] = self._names.get(name, name)
            said = framed(kind, portal + b"\0" + own + b"\0" + rest)
            return self._sorted(own, said, BIND_COMPLETE)
        if kind in b"DC":
            return self._of_name(kind, body[:1], body[1:-1])
        if kind == b"E":
            own = self._portals.get(body.split(b"\0", 1)[0], b"")
            return self._sorted(own, framed(kind, body), b"")
        return framed(kind, body), None, ""

    def _of_name(self, kind: bytes, what: bytes, name: bytes) -> tuple[bytes, Control | None, str]:
        """Describe and Close, of a statement (S) or a portal (P)."""
        if what == b"S":
            own = name = self._names.get(name, name)
        else:
            own = self._portals.get(name, b"")
        heard = CLOSE_COMPLETE
        if kind == b"D":
            heard = NO_PARAMETERS + NO_DATA if what == b"S" else NO_DATA
        return self._sorted(own, framed(kind, what + name + b"\0"), heard)

    def _sorted(self, own: bytes, said: bytes, answer: bytes) -> tuple[bytes, Control | None, str]:
        text = self._texts.get(own, "")
        control = control_of(text)
        if control.kind == "other":
            return said, None, text if said[:1] == b"E" else ""
        return answer, control, text
