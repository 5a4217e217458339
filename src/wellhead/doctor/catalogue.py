"""Every diagnosis by its code, and the checks in their order."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.checks import (
    activity,
    authenticating,
    capacity,
    clocks,
    contradictions,
    encryption,
    logging_in,
    login_refusals,
    migrating_state,
    packages,
    pooling_behaviour,
    reaching,
    resolving,
    server_facts,
    standby,
    time_limits,
    timing,
    trusting,
    urls,
    waking,
)
from wellhead.doctor.findings import Diagnosis, Finding, Outcome


@dataclass(frozen=True, slots=True)
class Check:
    """One step of the examination.

    Attributes:
        name: Its name in reports.
        doing: What a progress line says while it runs.
        run: Yields what it finds.
        is_required: Whether a failure ends the examination: nothing after it could work.
    """

    name: str
    doing: str
    run: Callable[[Case], AsyncIterator[Finding]]
    is_required: bool = False


CHECKS: Final = (
    Check("url", "reading the settings", urls.check_url, is_required=True),
    Check("packages", "reading the versions", packages.check_packages),
    Check("settings", "comparing the settings", contradictions.check_settings),
    Check("dns", "looking up the host name", resolving.check_dns, is_required=True),
    Check("tcp", "connecting", reaching.check_tcp, is_required=True),
    Check("tls", "encrypting", encryption.check_tls, is_required=True),
    Check("wake", "waking", waking.check_wake),
    Check("login", "logging in", logging_in.check_login, is_required=True),
    Check("authentication", "asking how to log in", authenticating.check_authentication),
    Check("time", "measuring round trips", timing.check_time, is_required=True),
    Check("server", "asking for the version", server_facts.check_server),
    Check("pooler", "looking for a pooler", pooling_behaviour.check_pooler),
    Check("connections", "counting connections", capacity.check_connections),
    Check("limits", "reading the time limits", time_limits.check_limits),
    Check("writes", "asking whether it takes writes", standby.check_writes),
    Check("activity", "looking at open transactions", activity.check_activity),
    Check("clock", "comparing the clocks", clocks.check_clock),
    Check("migrations", "reading the migrations", migrating_state.check_migrations),
)
"""All checks, in their order."""

NOT_EXAMINED: Final = Diagnosis(
    "not_examined",
    Outcome.NOTE,
    "A check could not be made.",
    "The user may not see what it needs, the connection was lost, or the server took too long.",
    "Grant the role what it lacks, such as: GRANT pg_read_all_stats TO app",
)

MODULES: Final = (
    urls, packages, contradictions, resolving, reaching, encryption, trusting, waking,
    logging_in, login_refusals, authenticating, timing, server_facts, pooling_behaviour, capacity,
    time_limits, standby, activity, clocks, migrating_state,
)  # fmt: skip
"""The modules that define diagnoses, in the order of the checks."""

DIAGNOSES: Final[Mapping[str, Diagnosis]] = MappingProxyType(
    {diagnosis.code: diagnosis for module in MODULES for diagnosis in module.DIAGNOSES}
    | {NOT_EXAMINED.code: NOT_EXAMINED}
)
"""Every diagnosis by its code, in the order of the checks."""
