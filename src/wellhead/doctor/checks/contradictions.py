"""Settings that are valid, and have no effect or a bad one together with the URL."""

from collections.abc import AsyncIterator, Iterator
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome

SETTING_IGNORED = Diagnosis(
    "setting_ignored",
    Outcome.NOTE,
    "A setting has no effect, or only in transactions, because of another one or of the URL.",
    "Poolers take few settings at the start of a connection, and a database that may sleep is not "
    "kept awake by idle connections.",
    "Remove the setting, or set it for the role, such as ALTER ROLE app SET jit = off",
)
WAKE_TOO_SHORT = Diagnosis(
    "wake_too_short",
    Outcome.WARNING,
    "The database may sleep, and a connection has less time than waking can take.",
    "Neon's proxy itself tries for up to 13 s to wake a compute. An attempt that is given up "
    "earlier wakes it all the same, and fails.",
    "DATABASE_CONNECT_TIMEOUT=15",
)
POOL_OFF = Diagnosis(
    "pool_off",
    Outcome.NOTE,
    "Each use of the database makes a connection of its own.",
    "A login takes six round trips or more with TLS, where a read takes one. It is right for "
    "processes that handle a single request, and wrong for a server.",
    "DATABASE_POOL_MODE=pool",
)
VALUES_SHOWN = Diagnosis(
    "values_shown",
    Outcome.WARNING,
    "The values of statements are logged.",
    "They contain what users entered, and secrets.",
    "DATABASE_ECHO_PARAMETERS=false",
)
DIAGNOSES = (SETTING_IGNORED, WAKE_TOO_SHORT, POOL_OFF, VALUES_SHOWN)

LONG_ENOUGH: Final = 5.0
"""Seconds in which a database that sleeps usually is awake."""


async def check_settings(case: Case) -> AsyncIterator[Finding]:
    """Look for settings that work against each other."""
    found = list(_found(case))
    for finding in found or [Finding("No setting works against another one.")]:
        yield finding


def _found(case: Case) -> Iterator[Finding]:
    settings = case.settings
    name = settings.variable_of
    if settings.effective_may_sleep and settings.effective_connect_timeout < LONG_ENOUGH:
        seen = f"{name('connect_timeout')} is {settings.effective_connect_timeout:g} s"
        yield WAKE_TOO_SHORT.found(
            f"{seen}, and the database may sleep.", cure=f"{name('connect_timeout')}=15"
        )
        case.recommend("connect_timeout", 15, "Waking a database can take longer than 5 s.")
    if settings.effective_may_sleep and settings.pool_min_idle:
        yield SETTING_IGNORED.found(f"{name('pool_min_idle')}: the database may sleep.")
    if case.url.is_pooled and settings.jit is not None:
        yield SETTING_IGNORED.found(f"{name('jit')}: the pooler refuses it.")
    if case.url.is_pooled and settings.idle_in_transaction_timeout:
        yield SETTING_IGNORED.found(
            f"{name('idle_in_transaction_timeout')}: the pooler refuses it."
        )
    for limit in ("statement_timeout", "lock_timeout"):
        if case.url.is_pooled and getattr(settings, limit) is not None:
            yield SETTING_IGNORED.found(
                f"{name(limit)}: behind a pooler it is set in transactions, and not for readers.",
                cure=f"ALTER ROLE app SET {limit} = '{getattr(settings, limit):g}s'",
            )
    if settings.pool_mode == "none" and "pool_pre_ping" in settings.model_fields_set:
        yield SETTING_IGNORED.found(f"{name('pool_pre_ping')}: no connection is kept.")
    if settings.pool_mode == "none":
        yield POOL_OFF.found(f"{name('pool_mode')}=none: each use logs in.")
        case.recommend("pool_mode", "pool", "A long-lived process keeps its connections.")
    if settings.echo_parameters:
        yield VALUES_SHOWN.found(f"{name('echo_parameters')} is on.")
        case.recommend("echo_parameters", "false", "Values can be secrets.")
