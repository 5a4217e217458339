"""Runs the checks in their order, and ends where nothing more could work."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from wellhead.doctor.case import Case, Say, Wishes
from wellhead.doctor.catalogue import CHECKS, NOT_EXAMINED, Check
from wellhead.doctor.findings import EnvLine, Finding, Outcome, worst
from wellhead.errors import WellheadError
from wellhead.errors.discretion import sentence_of
from wellhead.telemetry.logging import redact
from wellhead.url import PostgresURL

PATIENCE = 1.0
"""Seconds after which a progress line says what takes so long."""

LONGEST = 60.0
"""Seconds that a check may take; connecting has its own limit, which is shorter."""

_FAILURES = (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, WellheadError)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an examination.

    Attributes:
        target: The database's URL without its password; empty if it is not known.
        findings: What was found, in the order of the checks.
        env: The recommended lines of ``.env``.
        ended_at: The check after which the examination ended early, or None.
    """

    target: str
    findings: tuple[Finding, ...]
    env: tuple[EnvLine, ...]
    ended_at: str | None

    @property
    def outcome(self) -> Outcome:
        """The worst outcome."""
        return worst(self.findings)

    @property
    def first(self) -> Finding | None:
        """The finding to begin with: the first of the worst; None if nothing is wrong."""
        if self.outcome in {Outcome.OK, Outcome.NOTE}:
            return None
        return next(finding for finding in self.findings if finding.outcome is self.outcome)


async def examine(wishes: Wishes, *, say: Say = lambda _: None) -> Report:
    """Examine a database.

    Waits for the network and the server, each time at most for the connect timeout.

    Args:
        wishes: Which one, and how far to go.
        say: Told what takes long, and that a database is going to be woken.
    """
    found: list[Finding] = []
    ended_at = None
    async with AsyncExitStack() as resources:
        case = Case(wishes, say, resources)
        for check in CHECKS:
            with _progress(case, check):
                fresh = [replace(finding, check=check.name) async for finding in _run(case, check)]
            found += fresh
            if case.is_over or (check.is_required and worst(fresh) is Outcome.FAILURE):
                ended_at = check.name
                break
        return _report(case, found, ended_at)


async def _run(case: Case, check: Check) -> AsyncIterator[Finding]:
    try:
        async with asyncio.timeout(LONGEST):
            async for finding in check.run(case):
                yield finding
    except _FAILURES as error:
        if check.is_required:
            raise
        words = str(error.args[0]) if isinstance(error, WellheadError) else sentence_of(error)
        yield NOT_EXAMINED.found(f"{words or type(error).__name__}.")


@contextmanager
def _progress(case: Case, check: Check) -> Iterator[None]:
    timer = asyncio.get_running_loop().call_later(PATIENCE, case.say, f"{check.doing} ...")
    try:
        yield
    finally:
        timer.cancel()


def _report(case: Case, found: list[Finding], ended_at: str | None) -> Report:
    url = None if case.connector is None else case.settings.url
    password = url.password if isinstance(url, PostgresURL) else None

    def without_password(text: str) -> str:
        # A server may repeat what it was sent.
        return text.replace(password, "***") if password else text

    return Report(
        "" if url is None else str(url),
        tuple(replace(each, seen=without_password(redact(each.seen))) for each in found),
        tuple(case.env),
        ended_at,
    )
