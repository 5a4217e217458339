"""How a migration waits for tables in use without blocking the application.

A statement that needs a table for itself queues behind the transactions that use it, and all later
ones queue behind the statement. So it waits for ``lock_timeout`` only, then gives way, and the
whole migration is tried again a little later. A statement that PostgreSQL runs next to the traffic
(``CONCURRENTLY``) blocks no others, and may wait as long as it needs.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, event

from wellhead.errors import Fault
from wellhead.errors.recognition import fault_of
from wellhead.retry import doubled, try_again, up_to

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationStep

logger = logging.getLogger(__package__)

MAX_PAUSE: Final = 15.0
"""Seconds between two attempts at the most."""

_IN_USE: Final = frozenset({Fault.LOCK_TIMEOUT, Fault.DEADLOCK})
_UNLIMITED: Final = "wellhead_lock_timeout_lifted"


class Progress:
    """Which migration is being tried, since when, and whether it may be tried again.

    Args:
        timeout: Seconds during which one migration is tried again.
        is_one_transaction: Whether all migrations of the run are one transaction, and so are tried
            again together.

    Attributes:
        step: The migration in progress, or None between two.
        has_leaked: Whether statements of it ran outside its transaction, and were kept.
    """

    def __init__(self, timeout: float, *, is_one_transaction: bool = False) -> None:
        self.timeout = timeout
        self.is_one_transaction = is_one_transaction
        self.step: MigrationStep | None = None
        self.has_leaked = False
        self._since = 0.0

    @property
    def seconds(self) -> float:
        """How long ago the migration in progress was first begun, or all of one transaction."""
        return time.monotonic() - self._since

    def begin(self, step: "MigrationStep") -> None:
        """Note that a migration is begun, for the first time or again."""
        if not self.is_one_transaction:
            if self.step is None or self.step.to_revisions_no_deps != step.to_revisions_no_deps:
                self._since = time.monotonic()
            self.has_leaked = False
        self.step = step

    async def complete(self, migrate: Callable[[], Awaitable[None]]) -> None:
        """Migrate, and begin again as long as tables are in use and there is time."""
        self._since = time.monotonic()
        await try_again(migrate, self._pause)

    def watch(self, connection: Connection) -> None:
        """Lift the limit for statements that block no others, and notice what cannot be undone."""

        @event.listens_for(connection, "before_cursor_execute")
        def adapt(connection: Connection, cursor: Any, statement: str, *_: object) -> None:
            is_outside = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
            self.has_leaked |= is_outside
            lifted = is_outside and "CONCURRENTLY" in statement.upper()
            if lifted != connection.info.get(_UNLIMITED, False):
                cursor.execute("SET lock_timeout = 0" if lifted else "RESET lock_timeout")
                connection.info[_UNLIMITED] = lifted

    def may_give_way(self, error: Exception) -> bool:
        """Whether a table was in use, and nothing that was done would be done twice."""
        return fault_of(error) in _IN_USE and not self.has_leaked

    def _pause(self, error: Exception, number: int) -> float | None:
        if not self.may_give_way(error) or self.seconds >= self.timeout:
            return None
        seconds = up_to(doubled(0.5, number, most=MAX_PAUSE))
        logger.warning(
            "a table that a migration needs is in use; giving way, and trying again in %.1f s",
            seconds,
            extra={"event": "migration_gave_way", "attempt": number},
        )
        return seconds
