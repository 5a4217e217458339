"""One connection of the application, which joins the transaction of a test.

What it sends is passed on to the server, but its BEGIN, COMMIT and ROLLBACK become savepoints.
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from contextlib import suppress

from wellhead.testing.client_settings import statement_of
from wellhead.testing.client_statements import ClientStatements
from wellhead.testing.controls import Control, control_of
from wellhead.testing.framing import (
    SYNC,
    complete,
    fields_of,
    framed,
    query,
    read_message,
    ready,
    refusal,
)
from wellhead.testing.joined import JoinedTransaction, Purpose, RefusedError, Unit
from wellhead.testing.upstream import Upstream

_NOT_HERE = "0A000"
"""feature_not_supported: https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_CANCELLED = "57014"

HINT = "Mark the test with @pytest.mark.wellhead(commit=True); then its transactions are real."
_DEFINES = (b"CREATE", b"ALTER", b"DROP", b"DO", b"CALL")
_MUCH = 2**16
_READS = re.compile(rb"(SELECT|SHOW|SET|RESET|FETCH|MOVE|DO|EXPLAIN|CLOSE|UNLISTEN|DECLARE)\b")


class JoinedClient:
    """One connection of the application, for as long as it is open.

    Args:
        number: By which it is known.
        reader: What it says.
        writer: The way to it.
        transaction: Returns the transaction of the test that is running.
        settings: Those of its start.
    """

    def __init__(
        self,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        transaction: Callable[[], JoinedTransaction],
        settings: dict[str, str],
    ) -> None:
        self.number = number
        self.secret = secrets.token_bytes(4)
        self.is_idle = True
        self.turn: asyncio.Task[None] | None = None
        self.was_cancelled = False
        self.unit: Unit | None = None
        self._is_begun = False
        self._status = b"I"
        self._error: bytes | None = None
        self._refused: bytes | None = None
        self._has_written = False
        self._reader = reader
        self._writer = writer
        self._running = transaction
        self._statements = ClientStatements(number)
        self._first = self._prelude = statement_of(settings)
        self._pending_sets: list[str] = []
        self._opening = b""
        self._closed: tuple[bytes, bytes | None] | None = None
        self._out = bytearray()

    @property
    def _transaction(self) -> JoinedTransaction:
        return self._running()

    def end(self) -> bool:
        """End the connection where it is in the middle of a unit; whether that is so."""
        if self.is_idle and self.unit is None:
            return False
        self._reader.feed_eof()
        if self.turn is not None:
            self.turn.cancel()
        return True

    async def serve(self) -> None:
        """Serve until the client leaves."""
        batch: list[tuple[bytes, bytes]] = []
        try:
            while True:
                await self._flush()
                kind, body = await read_message(self._reader)
                if kind == b"X":
                    return
                self.is_idle = False
                if kind == b"Q":
                    await self._simple(body)
                elif kind in b"SH":
                    await self._extended(batch, is_end=kind == b"S")
                    batch = []
                else:
                    batch.append((kind, body))
                    continue
                self.is_idle = True
                self._transaction.tell_idle()
        finally:
            if self.unit is not None:
                if self._transaction.upstream.is_lost:
                    self._transaction.leave(self.unit)
                else:
                    await self._end_unit(is_kept=False)

    async def _flush(self) -> None:
        if self._out:
            self._writer.write(bytes(self._out))
            self._out.clear()
        # The rest of a response has to be read also where the client is gone.
        with suppress(OSError):
            await self._writer.drain()

    # The simple protocol.

    async def _simple(self, body: bytes) -> None:
        sql = body.rstrip(b"\0").decode()
        control = control_of(sql)
        if control.kind == "other":
            await self._pass_on(query(sql), sql, closes=True)
        else:
            await self._control(control)
        await self._end_statement()

    # The extended protocol.

    async def _extended(self, batch: list[tuple[bytes, bytes]], *, is_end: bool) -> None:
        if self._error is None:
            # Else it is left out, as the server does until the end.
            await self._run(batch, is_end=is_end)
        if is_end:
            await self._end_statement()
        elif self._error is None and all(kind in b"PDC" for kind, _ in batch):
            # Nothing was executed, and the end may be long in coming.
            await self._end_statement(is_told=False)

    async def _run(self, batch: list[tuple[bytes, bytes]], *, is_end: bool) -> None:
        segment, text = b"", ""
        for kind, body in batch:
            said, control, sql = self._statements.translate(kind, body)
            if control is None:
                segment += said
                text = f"{text};{sql}" if text and sql else text or sql
                continue
            if segment:
                await self._pass_on(segment + SYNC, text)
            segment, text = b"", ""
            if self._error is not None:
                return
            if kind == b"E":
                await self._control(control)
            else:
                self._out += said
        if segment and self._error is None:
            await self._pass_on(segment + SYNC, text, closes=is_end)

    # Both.

    async def _begin(self, purpose: Purpose) -> bool:
        self._has_written = False
        unit = Unit(self, purpose)
        self.turn = turn = asyncio.create_task(self._transaction.take_turn(unit))
        await asyncio.wait({turn})
        self.turn = None
        if turn.cancelled():
            self._say(refusal(_CANCELLED, "canceling statement due to user request")[5:])
            return False
        try:
            turn.result()
        except RefusedError as error:
            self._refuse(f"A unit of work cannot begin in the test's transaction: {error}.")
            return False
        except EOFError as error:
            self._say(refusal("08006", f"The test's transaction is lost: {error}.")[5:])
            return False
        self.unit = unit
        # Goes with the first statement.
        self._opening = self._transaction.opening(unit, self._prelude)
        self._status = b"T"
        return True

    async def _pass_on(self, said: bytes, text: str, *, closes: bool = False) -> None:
        """Let the server run statements, and pass its response on.

        Args:
            said: The messages, up to the one that ends them.
            text: The statements.
            closes: Whether a unit that is not a transaction ends with them.
        """
        control = control_of(text)
        if self._refused is not None:
            self._say(self._refused)
            return
        if control.needs_block and not self._is_begun:
            self._say(refusal("25P01", "this can only be used in a transaction block")[5:])
            return
        if self.unit is None and not await self._begin("statement"):
            return
        unit, upstream = self.unit, self._transaction.upstream
        assert unit is not None  # noqa: S101 - it was just begun
        opening, self._opening = self._opening, b""
        closes = closes and not self._is_begun and not control.copies
        closing = self._transaction.closing(unit) if closes else b""
        # In one go: each of the three would wait for the server otherwise.
        upstream.writer.write(opening + said + closing)
        _, refused = await upstream.until_ready() if opening else (b"", None)
        await self._relay(is_heard=refused is None, is_extended=said[:1] != b"Q")
        if closes:
            self._closed = await upstream.until_ready()
        if refused is not None:
            self._say(refused)
        elif self._error is None and (control.sets or control.resets):
            self._pending_sets.append(text.rstrip("; \n"))

    async def _relay(self, *, is_heard: bool, is_extended: bool) -> None:
        upstream = self._transaction.upstream
        while True:
            kind, body = await read_message(upstream.reader)
            if kind == b"Z":
                self._status = body
                return
            if not is_heard:
                continue
            if kind == b"E":
                self._say(_with_hint(body))
                continue
            if kind == b"C":
                self._has_written |= _READS.match(body) is None
                upstream.may_defer |= body.startswith(_DEFINES)
            self._out += framed(kind, body)
            if kind == b"G" or len(self._out) > _MUCH:
                await self._flush()
            if kind == b"G":
                await self._copy_in(upstream, is_extended=is_extended)

    async def _copy_in(self, upstream: Upstream, *, is_extended: bool) -> None:
        kind = b""
        try:
            while kind not in {b"c", b"f"}:
                kind, body = await read_message(self._reader)
                if kind in b"dcf":
                    upstream.writer.write(framed(kind, body))
                    await upstream.writer.drain()
            while is_extended and kind != b"S":
                kind, _ = await read_message(self._reader)
        except EOFError:
            upstream.writer.write(framed(b"f", b"the client is gone\0"))
        if is_extended:
            # The server has left out the end that came with the statement; this one it takes.
            upstream.writer.write(SYNC)

    async def _control(self, control: Control) -> None:
        tag = ""
        if control.kind == "begin":
            tag = "BEGIN"
            if not self._is_begun:
                await self._begin_block(control)
        elif control.kind == "refuse":
            self._refuse(f"A test's transaction does not support {control.name}.")
        elif control.kind == "commit":
            tag = "ROLLBACK" if self._status == b"E" else "COMMIT"
            self._is_begun, self._refused = False, None
            await self._end_unit()
        elif control.kind == "rollback":
            tag, self._is_begun, self._refused = "ROLLBACK", False, None
            await self._end_unit(is_kept=False)
        else:
            tag = "DEALLOCATE" if control.kind == "deallocate" else "DISCARD ALL"
            self._statements.forget("" if control.name in {"", "all"} else control.name)
        if self._error is None:
            self._out += complete(tag)

    async def _begin_block(self, control: Control) -> None:
        if self.unit is not None:
            await self._end_unit()
        if control.name:
            self._refuse(f"A test's transaction does not support {control.name}.")
        else:
            await self._begin("reading" if control.reads_only else "writing")
        if self._error is not None and fields_of(self._error).get("C") != _CANCELLED:
            # asyncpg takes it for certain that BEGIN succeeds, and would make the next one a
            # savepoint. So what is refused is the first statement.
            del self._out[-len(framed(b"E", self._error)) :]
            self._refused, self._error = self._error, None
            self._status = b"E"
        self._is_begun = self._error is None

    async def _end_statement(self, *, is_told: bool = True) -> None:
        """Say that the next one may come; what is not in a transaction ends by itself."""
        if not self._is_begun:
            await self._end_unit(is_kept=self._error is None)
        if is_told:
            self._error = None
            self._out += ready(self._status if self._is_begun else b"I")

    async def _end_unit(self, *, is_kept: bool = True) -> None:
        unit, self.unit = self.unit, None
        sets, self._pending_sets = self._pending_sets, []
        closed, self._closed = self._closed, None
        opening, self._opening = self._opening, b""
        transaction = self._transaction
        if unit is None:
            return
        if opening:
            # Nothing was sent.
            transaction.leave(unit)
            return
        if self.was_cancelled:
            # The server may hear of it only now.
            self.was_cancelled = False
            self._status, _ = await transaction.upstream.command("SELECT")
        if unit.is_inside and self._has_written:
            self._refuse(
                "A statement outside the session wrote while the session's block was open."
            )
            is_kept = False
        if closed is not None and closed[1] is None:
            error = await transaction.end(unit, *closed)
        elif not is_kept or self._status == b"E":
            await transaction.roll_back(unit)
            return
        elif closed is not None:
            error = await transaction.end(unit, *closed)
        else:
            error = await transaction.commit(unit)
        if error is not None:
            self._say(error)
        else:
            for each in sets:
                is_reset = control_of(each).resets
                self._prelude = self._first if is_reset else f"{self._prelude}{each};"

    def _refuse(self, message: str) -> None:
        self._say(refusal(_NOT_HERE, f"{message} {HINT}")[5:])

    def _say(self, body: bytes) -> None:
        self._error = body
        self._out += framed(b"E", body)


def _with_hint(body: bytes) -> bytes:
    # "cannot run inside a transaction block": in the application there was none.
    if fields_of(body).get("C") != "25001":
        return body
    message = f"{fields_of(body).get('M', '')}: a test is one. {HINT}"
    return refusal("25001", message)[5:]
