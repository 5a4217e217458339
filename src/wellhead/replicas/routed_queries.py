"""Compiled queries that are read from a replica, and from the primary if that cannot serve them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from typing import Any

from wellhead.errors import ConnectError, PoolTimeout
from wellhead.replicas.router import Router
from wellhead.sessions.queries.ordinary import Outcome
from wellhead.sessions.queries.runner import (
    HasStatements,
    QueryRunner,
    Read,
    SessionRunner,
    Values,
)


class RoutedRunner:
    """Runs compiled queries where the current client may read; writes go to the primary.

    Args:
        router: Chooses the replica for each query.
        primary: Runs queries on the primary.
    """

    def __init__(self, router: Router, primary: QueryRunner) -> None:
        self._router = router
        self._primary = primary

    @property
    def has_hooks(self) -> bool:
        """Whether sessions have hooks, which may decide what rows a query sees."""
        return self._primary.has_hooks

    @cached_property
    def reading(self) -> "RoutedRunner":
        """The same for a reader: it refuses writes."""
        return RoutedRunner(self._router, self._primary.reading)

    def within(self, read: Read) -> SessionRunner:
        """The same in the session of a reader that was told whose rows to see."""
        return self._primary.within(read)

    async def run(self, query: HasStatements, values: Values, *, only_first: bool) -> Outcome:
        """Run a query: a read, or a write as a whole unit of work."""
        router = self._router
        statement, _ = query.statement(self._primary.dialect, values)
        replica = None
        if not (statement.writes or self.has_hooks):
            replica = await router.choose()
        if replica is not None:
            replica.hold()
            with router.seen().reading():
                try:
                    return await replica.runner.run(query, values, only_first=only_first)
                except Exception as error:
                    if not replica.note_failure(error):
                        raise
                    router.fall_back(error)
                finally:
                    replica.release()
        is_used = True
        try:
            return await self._primary.run(query, values, only_first=only_first)
        except (ConnectError, PoolTimeout):
            # The client has seen nothing there, and may go on reading from replicas.
            is_used = False
            raise
        finally:
            if is_used:
                router.seen().use_primary()

    def stream(
        self, query: HasStatements, values: Values
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """The results of a query one by one, in a read-only transaction."""
        return self._stream(query, values)

    @asynccontextmanager
    async def _stream(self, query: HasStatements, values: Values) -> AsyncIterator[Any]:
        try:
            async with self._primary.stream(query, values) as results:
                yield results
        finally:
            self._router.seen().use_primary()
