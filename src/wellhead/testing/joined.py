"""The one transaction of a test: whose turn it is there, and where each unit of work ends.

A unit is what the application thinks of as a transaction, or a statement that commits by itself. It
is a savepoint here. What would end with a COMMIT ends with the unit: settings made by ``SET``, and
the wait of deferred constraints.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wellhead.testing.framing import query
from wellhead.testing.upstream import Upstream

Purpose = Literal["statement", "reading", "writing"]

PATIENCE = 30.0
"""Seconds after which a unit is refused that waits for one whose application does nothing."""

_SAVEPOINT = "wellhead_unit"
_BEGIN = f"SAVEPOINT {_SAVEPOINT}; RESET SESSION AUTHORIZATION; RESET ALL;"
_READ_ONLY = "SET TRANSACTION READ ONLY;"
_CHECK = f"SET CONSTRAINTS ALL IMMEDIATE; RELEASE SAVEPOINT {_SAVEPOINT};"
_UNDO = f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT};"
# SET CONSTRAINTS lasts as long as the transaction, and there is no statement that takes it back.
_DEFER = """
    DO $wellhead$ DECLARE names text; BEGIN
        SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', nspname, conname), ', ') INTO names
        FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = connamespace
        WHERE condeferred;
        IF names IS NOT NULL THEN EXECUTE 'SET CONSTRAINTS ' || names || ' DEFERRED'; END IF;
    END $wellhead$
"""


class Holder(Protocol):
    """A connection of the application."""

    number: int
    is_idle: bool
    """Whether the application is at work, and the server is not."""


class RefusedError(Exception):
    """A unit that cannot be had in a test's transaction; its text says why."""


@dataclass(slots=True, eq=False)
class Unit:
    """One unit of work.

    Attributes:
        holder: Whose it is.
        purpose: What it is for.
        is_inside: Whether it runs within the unit of another connection, whose block it is in.
    """

    holder: Holder
    purpose: Purpose
    is_inside: bool = False


@dataclass(slots=True, eq=False)
class _Waiting:
    unit: Unit
    turn: "asyncio.Future[None]" = field(default_factory=asyncio.Future)


class JoinedTransaction:
    """A transaction on one connection, in which units take turns, in the order of their asking.

    Args:
        upstream: The connection.
        is_inside: Whether the first connection is used in a block of the second one's unit.

    Attributes:
        is_over: Whether the test has ended, so that no further unit may begin.
    """

    def __init__(self, upstream: Upstream, is_inside: Callable[[int, int], bool]) -> None:
        self.upstream = upstream
        self.is_over = False
        self._is_inside = is_inside
        self._units: list[Unit] = []
        self._waiting: deque[_Waiting] = deque()

    def opening(self, unit: Unit, prelude: str) -> bytes:
        """What begins a unit, whose turn it is.

        Args:
            unit: The unit.
            prelude: What sets the settings of its connection.
        """
        read_only = _READ_ONLY if unit.purpose == "reading" else ""
        return query(_BEGIN + prelude + read_only)

    def closing(self, unit: Unit) -> bytes:
        """What ends a unit as COMMIT would; see :meth:`end`."""
        if unit.is_inside:
            # It has only read; so the settings of the unit around it are put back.
            return query(_UNDO)
        return query(_CHECK + (_DEFER if self.upstream.may_defer else ""))

    async def commit(self, unit: Unit) -> bytes | None:
        """End a unit as COMMIT would; returns the error of one that was rolled back."""
        self.upstream.writer.write(self.closing(unit))
        return await self.end(unit, *await self.upstream.until_ready())

    async def end(self, unit: Unit, status: bytes, error: bytes | None) -> bytes | None:
        """The same once the server has responded to :meth:`closing`."""
        if error is not None or status != b"T":
            await self.roll_back(unit)
            return error
        self.leave(unit)
        return None

    async def roll_back(self, unit: Unit) -> None:
        """End a unit as ROLLBACK would."""
        try:
            status, error = await self.upstream.command(_UNDO)
            if error is not None:
                # What was cancelled too late.
                status, error = await self.upstream.command(_UNDO)
            if status != b"T":
                self.upstream.close()
        finally:
            self.leave(unit)

    def tell_idle(self) -> None:
        """Look whether those that wait can go on, now that a holder is idle."""
        for waiting in tuple(self._waiting):
            if not waiting.turn.done():
                try:
                    may_begin = self._may_begin(waiting.unit)
                except (RefusedError, EOFError) as error:
                    waiting.turn.set_exception(error)
                    continue
                if may_begin:
                    self._units.append(waiting.unit)
                    waiting.turn.set_result(None)
                    return

    async def take_turn(self, unit: Unit) -> None:
        """Wait until it is this unit's turn.

        Raises:
            RefusedError: It would wait for ever.
            EOFError: The connection to the server was lost, or the test has ended.
        """
        if not self._waiting and self._may_begin(unit):
            self._units.append(unit)
            return
        waiting = _Waiting(unit)
        self._waiting.append(waiting)
        try:
            self.tell_idle()
            while not waiting.turn.done():
                await self._wait(waiting.turn)
            waiting.turn.result()
        except BaseException:
            self.leave(unit)
            raise
        finally:
            self._waiting.remove(waiting)

    async def _wait(self, turn: "asyncio.Future[None]") -> None:
        before = self._units[-1] if self._units else None
        done, _ = await asyncio.wait({turn}, timeout=PATIENCE)
        self._check_is_there()
        if done or before is None or self._units[-1:] != [before]:
            return
        if before.holder.is_idle:
            raise RefusedError(
                f"it has waited for {PATIENCE:g} s for another one, which is open and idle"
            )

    def _check_is_there(self) -> None:
        if self.upstream.is_lost:
            raise EOFError("the server has ended its connection, and rolled back")
        if self.is_over:
            raise EOFError("the test has ended")

    def _may_begin(self, unit: Unit) -> bool:
        self._check_is_there()
        if not self._units:
            return True
        top = self._units[-1]
        if not top.holder.is_idle or not self._is_inside(unit.holder.number, top.holder.number):
            return False
        if unit.purpose == "writing":
            raise RefusedError("it was begun in the block of another one that is still open")
        unit.is_inside = True
        return True

    def leave(self, unit: Unit) -> None:
        """Give the turn of a unit, of which nothing is left on the server, to the next."""
        if unit in self._units:
            self._units.remove(unit)
        self.tell_idle()
