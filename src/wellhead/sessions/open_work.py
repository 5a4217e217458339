"""The sessions that are open during a piece of work."""

import asyncio

from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.sessions.commits import current_commits


class OpenWork:
    """The time during which a session is open; registered in the surrounding scope of COMMITs.

    Args:
        session: The session.
        database: The key of its database.

    Attributes:
        is_begun: Whether there is a transaction at the end.
    """

    __slots__ = ("_commits", "_database", "_session", "is_begun")

    def __init__(self, session: AsyncSession, database: object) -> None:
        self._commits = current_commits.get()
        self._session = session
        self._database = database
        self.is_begun = False

    def begin(self) -> None:
        """Register the session as open."""
        if self._commits is not None:
            self._commits.sessions[self._session] = asyncio.current_task()

    def end(self, error: BaseException | None) -> None:
        """Before the session is closed; the error is what its block, or its COMMIT, raised."""
        if self._commits is None:
            return
        self._commits.sessions.pop(self._session, None)
        if error is not None and (self.is_begun or self._session.in_transaction()):
            self._commits.changes.give_up(self._database)
