"""The time limits of the server, as this application gets them, next to those of its settings."""

from collections.abc import AsyncIterator
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import ask

NO_SERVER_LIMIT = Diagnosis(
    "no_server_limit",
    Outcome.NOTE,
    "The server itself limits no statement.",
    "The client gives up after DATABASE_COMMAND_TIMEOUT and cancels the statement. If the client "
    "is killed or cut off, the server goes on.",
    "ALTER ROLE app SET statement_timeout = '60s'",
)
SERVER_LIMIT_SHORTER = Diagnosis(
    "server_limit_shorter",
    Outcome.WARNING,
    "The server ends statements or transactions before the settings allow it.",
    "A statement that your settings allow is cancelled with SQLSTATE 57014, or a transaction that "
    "a request still has is ended with 25P03.",
    "Raise the server's limit for the role, such as ALTER ROLE app SET statement_timeout = '60s', "
    "or lower the setting.",
)
IDLE_ENDED = Diagnosis(
    "idle_ended",
    Outcome.NOTE,
    "The server closes idle connections before the pool does.",
    "The pool notices it without a round trip and opens another one, which costs a login.",
    "DATABASE_POOL_IDLE_TIMEOUT with fewer seconds than the server's idle_session_timeout",
)
DIAGNOSES = (NO_SERVER_LIMIT, SERVER_LIMIT_SHORTER, IDLE_ENDED)

_NAMES: Final = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
)
# Older servers do not know all of them.
_QUESTION: Final = """
    SELECT name, setting::bigint AS ms FROM pg_catalog.pg_settings
    WHERE name LIKE '%\\_timeout' AND unit = 'ms'
"""


async def check_limits(case: Case) -> AsyncIterator[Finding]:
    """Read the limits in a session that starts as the application's do."""
    rows = await ask(case.probe, _QUESTION)
    limits = {str(row["name"]): int(row["ms"]) / 1000 for row in rows}
    for finding in findings_about(case, limits):
        yield finding


def findings_about(case: Case, limits: dict[str, float]) -> list[Finding]:
    """What these limits, in seconds, mean to the settings; 0 is no limit."""
    settings = case.settings
    set_ones = [f"{name} {limits[name]:g} s" for name in _NAMES if limits.get(name)]
    seen = f"The server limits {', '.join(set_ones)}." if set_ones else "It limits nothing."
    found = [Finding(seen)]
    statement = limits.get("statement_timeout", 0)
    command, request = settings.effective_command_timeout, settings.request_timeout
    if not statement:
        found = [NO_SERVER_LIMIT.found(f"{seen} No statement has a limit there.")]
    elif settings.statement_timeout is None and command and statement < command:
        found.append(
            SERVER_LIMIT_SHORTER.found(
                f"statement_timeout is {statement:g} s, and "
                f"{settings.variable_of('command_timeout')} {command:g} s."
            )
        )
    for name in ("idle_in_transaction_session_timeout", "transaction_timeout"):
        if request and 0 < limits.get(name, 0) < request:
            found.append(
                SERVER_LIMIT_SHORTER.found(
                    f"{name} is {limits[name]:g} s, and "
                    f"{settings.variable_of('request_timeout')} {request:g} s.",
                    cure=f"ALTER ROLE app SET {name} = '{2 * request:g}s'",
                )
            )
    idle, kept = limits.get("idle_session_timeout", 0), settings.pool_idle_timeout
    if idle and (kept is None or idle < kept):
        found.append(
            IDLE_ENDED.found(
                f"idle_session_timeout is {idle:g} s, and "
                f"{settings.variable_of('pool_idle_timeout')} "
                f"{'none' if kept is None else f'{kept:g} s'}."
            )
        )
        value = max(1, int(idle * 0.8))
        case.recommend("pool_idle_timeout", value, "Less than the server's idle_session_timeout.")
    return found
