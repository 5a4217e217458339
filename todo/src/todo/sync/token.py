"""The token of `since`: what its client has seen, as a snapshot of the database.

A snapshot tells which transactions had ended when it was made, by their ids. A time, or the highest
id seen, cannot tell: a transaction that began before and commits later would be missed. The token
also names the history of the database to which those ids belong. Cut short, it is a snapshot of
earlier: then some changes are sent twice, and none is missed.
"""

from dataclasses import dataclass
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from todo.paging import Position, decode_cursor, encode_cursor

MOST_OPEN = 40
"""How many transactions in progress a token names: with these it fits into any URL."""

NOWHERE = Position(-1, UUID(int=0))
"""Before the first change."""

_SCOPE = "changes"
_Xid = Annotated[int, Field(strict=True, ge=0, lt=2**63)]


class Snapshot(BaseModel):
    """Which transactions had ended: those before `xmax` that are not in `xip`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    xmin: _Xid
    xmax: _Xid
    xip: Annotated[list[_Xid], Field(max_length=MOST_OPEN)]

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not self.xmin <= self.xmax or any(not self.xmin <= xid < self.xmax for xid in self.xip):
            raise ValueError("not a snapshot")
        return self

    @classmethod
    def parse(cls, text: str) -> Self:
        """The snapshot that PostgreSQL writes as `xmin:xmax:xip,xip`, ordered; or an earlier one.

        https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
        """
        xmin, xmax, listed = text.split(":")
        xip = [int(xid) for xid in listed.split(",") if xid]
        end = xip[MOST_OPEN] if len(xip) > MOST_OPEN else int(xmax)
        return cls(xmin=int(xmin), xmax=end, xip=xip[:MOST_OPEN])


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    history: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    seen: Snapshot | None
    end: Snapshot | None
    xid: Annotated[int, Field(strict=True, ge=-1, lt=2**63)]


_KIND = TypeAdapter(_Content)


@dataclass(frozen=True, slots=True)
class Since:
    """How far a client has read.

    Attributes:
        history: The history of the database in which it has read.
        seen: What it had seen before the pages that it is reading; None if nothing.
        end: What it will have seen after the last of these pages; None if there are no more.
        after: The last change on the page before.
    """

    history: str
    seen: Snapshot | None
    end: Snapshot | None
    after: Position = NOWHERE

    @classmethod
    def decode(cls, token: str) -> Self:
        """The content of a token.

        Raises:
            PydanticCustomError: It is malformed.
        """
        place = decode_cursor(token, scope=_SCOPE, kind=_KIND)
        content: _Content = place.value
        return cls(content.history, content.seen, content.end, Position(content.xid, place.id))

    def encode(self) -> str:
        """The token."""
        content = _Content(history=self.history, seen=self.seen, end=self.end, xid=self.after.value)
        return encode_cursor(Position(content, self.after.id), scope=_SCOPE, kind=_KIND)
