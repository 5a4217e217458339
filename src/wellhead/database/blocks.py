"""The context managers in which a session or a reader is open.

They are classes: generators in their place, and all those inside them, would be resumed whenever a
statement at the end of the block completes.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from wellhead.database.live import Live
from wellhead.errors import Fault
from wellhead.sessions import Reader
from wellhead.sessions.open_work import OpenWork


class SessionBlock(AbstractAsyncContextManager[Any]):
    """One transaction; see :meth:`wellhead.Database.session`.

    Args:
        require: Returns the open state, or raises.
        key: Identifies the database where COMMITs are counted.
    """

    __slots__ = ("_key", "_live", "_require", "_session", "_work")

    def __init__(self, require: Callable[[], Live], key: object) -> None:
        self._require = require
        self._key = key

    async def __aenter__(self) -> Any:
        self._live = live = self._require()
        live.enter()
        try:
            self._session = session = live.sessions()
        except BaseException as error:
            live.leave(error)
            raise
        self._work = work = OpenWork(session, self._key)
        work.begin()
        return session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        session, work = self._session, self._work
        try:
            # If the block committed and closed the session itself, there is nothing to commit.
            if error is None and session.in_transaction():
                work.is_begun = True
                await session.commit()
        except BaseException as failure:
            kind, error, traceback = type(failure), failure, failure.__traceback__
            raise
        finally:
            work.end(error)
            try:
                await session.__aexit__(kind, error, traceback)
            finally:
                self._live.leave(error)


class ReaderBlock(AbstractAsyncContextManager[Reader]):
    """Reading; see :meth:`wellhead.Database.reader`.

    Args:
        require: Returns the open state, or raises.
        on_repeat: Called with the fault when a statement is sent again.
    """

    __slots__ = ("_live", "_on_repeat", "_reader", "_require")

    def __init__(self, require: Callable[[], Live], on_repeat: Callable[[Fault], None]) -> None:
        self._require = require
        self._on_repeat = on_repeat

    async def __aenter__(self) -> Reader:
        self._live = live = self._require()
        live.enter_reader()
        try:
            self._reader = reader = live.reader(*live.reader_of, on_repeat=self._on_repeat)
        except BaseException as error:
            live.leave(error)
            raise
        return reader

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._reader.close()
        finally:
            self._live.leave(error)
