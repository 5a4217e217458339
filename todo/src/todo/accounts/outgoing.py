"""Mails in progress: sent after the response, and finished before the application stops."""

import asyncio
import logging
from collections.abc import Coroutine
from contextvars import Context
from dataclasses import dataclass, field

from todo.accounts.mail import Mailer, MailError
from todo.errors import BusyError

logger = logging.getLogger(__name__)

MOST_IN_PROGRESS = 200
"""How many mails a process prepares or sends before it refuses requests for further ones."""

GRACE = 5.0
"""Seconds for mails in progress when the application stops."""


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """The mails that one application has in progress.

    Attributes:
        mailer: Sends them; None if it sends none.
    """

    mailer: Mailer | None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def refuse_if_full(self) -> None:
        """Refuse a request for a mail while too many are in progress.

        Raises:
            BusyError: They are.
        """
        if len(self._tasks) >= MOST_IN_PROGRESS:
            raise BusyError(
                f"{len(self._tasks)} mails are in progress; try again in a moment.",
                code="busy",
                retry_after=5,
            )

    def begin(self, work: Coroutine[None, None, None], *, subject: str) -> None:
        """Begin to prepare and send a mail, and return at once.

        Args:
            work: Sends it. A failure is only logged.
            subject: What the log says was not mailed; it quotes nobody.
        """
        # Not in the request's context, with whose response its work would have to end.
        task = asyncio.get_running_loop().create_task(work, name=subject, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._end)

    async def finish(self, seconds: float = GRACE) -> None:
        """Let the mails in progress end, for at most this many seconds."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            logger.error("%s was not mailed: the service was stopped", task.get_name())
        elif (error := task.exception()) is not None:
            # Only a MailError is known to quote nobody.
            why = error if isinstance(error, MailError) else type(error).__name__
            logger.error("%s was not mailed: %s", task.get_name(), why)
