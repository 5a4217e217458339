"""What a client has seen, and the invariant that it never sees an older state.

A client is whatever reads one after the other: the requests of one browser, or a script. For each
database with replicas, :class:`Seen` keeps

- ``lsn``: what the client has seen of the primary was committed before this position of the log;
- ``server``: the replica at which it has read since; what it saw there may be younger than ``lsn``;
- ``is_due``: whether it has used the primary since ``lsn`` was asked.

The invariant: *a statement is sent to a replica only if the client is not due, the replica has
replayed up to* ``lsn``*, and* ``server`` *is unset or this very replica.* It holds because

- every use of the primary makes the client due, after its last statement and after its COMMIT;
- ``lsn`` is asked of the primary after that, when the log is written beyond everything that was
  visible, so it is never too low;
- an earlier statement on the same connection has shown that the replica has replayed up to
  ``lsn``: a statement that follows takes its snapshot later. An LSN that is read in the same
  statement proves nothing, as it is younger than the snapshot;
- a server never goes back from its start to its end, so two reads at one ``server`` need no
  position. A restart makes it another server;
- the primary may always be used: it has all that its replicas show. Once the primary was asked
  after that, ``server`` is unset.

Reads of one client at the same time may see two states. PostgreSQL itself has one gap: while a
COMMIT waits for its synchronous standby, a replica can show it just before the primary does.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import NamedTuple, Self

NEVER = (1 << 64) - 1
"""A position that no replica reaches: what the client has seen is not known."""

_MIXED = ""
_MARK = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})(?:@([0-9a-f]*))?")


class Seen:
    """What one client has seen of one database.

    Args:
        lsn: See above.
        server: See above.

    Attributes:
        lsn: See above.
        server: See above.
    """

    __slots__ = ("_asked", "_reading", "_reads", "_uses", "lsn", "server")

    def __init__(self, lsn: int = 0, server: str | None = None) -> None:
        self.lsn = lsn
        self.server = server
        self._uses = self._asked = 0
        self._reads = self._reading = 0

    @classmethod
    def parse(cls, *marks: str) -> Self:
        """Begin with what others have seen.

        Args:
            marks: Their texts; empty ones for nothing.

        Raises:
            ValueError: One of them is not such a text.
        """
        seen = cls()
        for mark in filter(None, marks):
            match = _MARK.fullmatch(mark)
            if match is None:
                raise ValueError("This is not what Database.mark() returns.")
            seen.lsn = max(seen.lsn, int(match[1], 16) << 32 | int(match[2], 16))
            if match[3] is not None:
                seen.read_at(match[3])
        return seen

    @property
    def mark(self) -> str:
        """A text from which another one begins; empty for nothing."""
        if not self.lsn and self.server is None:
            return ""
        lsn = f"{self.lsn >> 32:X}/{self.lsn & 0xFFFFFFFF:X}"
        return lsn if self.server is None else f"{lsn}@{self.server}"

    @property
    def is_due(self) -> bool:
        """Whether the primary was used since its position was last asked."""
        return self._uses != self._asked

    def use_primary(self) -> None:
        """Note a statement or COMMIT on the primary, once it has ended."""
        self._uses += 1

    def may_read(self, server: str) -> bool:
        """Whether nothing was seen at another replica since the primary was asked."""
        return self.server is None or self.server == server

    def read_at(self, server: str) -> None:
        """Note a read at this replica."""
        self._reads += 1
        self.server = server if self.may_read(server) else _MIXED

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While a read at a replica is in progress, what it sees is not known."""
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1

    def ask(self) -> "Asked":
        """To call just before the primary is asked."""
        return Asked(self._uses, None if self._reading else self._reads)

    def take(self, asked: "Asked", lsn: int) -> None:
        """Take the position that the primary had when it was asked."""
        self.lsn = lsn if self.lsn == NEVER else max(self.lsn, lsn)
        self._asked = max(self._asked, asked.uses)
        if asked.reads == self._reads and not self._reading:
            self.server = None


class Asked(NamedTuple):
    """What had been seen when the primary was asked.

    Attributes:
        uses: How often the primary had been used.
        reads: How often replicas had been read from; None if one was being read from.
    """

    uses: int
    reads: int | None


class Client:
    """What one client has seen, by the key of each database.

    Args:
        around: The client whose part this is, with what it has seen of other databases.
    """

    __slots__ = ("_seen",)

    def __init__(self, around: "Client | None" = None) -> None:
        self._seen: dict[object, Seen] = {} if around is None else dict(around._seen)  # noqa: SLF001 - same class

    def of(self, database: object) -> Seen:
        """What it has seen of a database."""
        seen = self._seen.get(database)
        if seen is None:
            seen = self._seen[database] = Seen()
        return seen

    def put(self, database: object, seen: Seen) -> None:
        """Begin with what it has seen before."""
        self._seen[database] = seen


current_client: ContextVar[Client | None] = ContextVar("wellhead_client", default=None)
"""The client of the running task and of the tasks that it starts; None for the process itself."""


@contextmanager
def as_client(client: Client) -> Iterator[Client]:
    """Read and write for this client in the block."""
    token = current_client.set(client)
    try:
        yield client
    finally:
        current_client.reset(token)


def as_nobody() -> AbstractContextManager[Client]:
    """Read in the block what no client sees, such as the state of the schema."""
    return as_client(Client())
