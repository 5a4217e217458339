"""Every diagnosis by its code, and the checks in their order."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.checks import (
    encryption,
    logging_in,
    login_refusals,
    reaching,
    resolving,
    urls,
    waking,
)
from wellhead.doctor.findings import Diagnosis, Finding


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
    Check("dns", "looking up the host name", resolving.check_dns, is_required=True),
    Check("tcp", "connecting", reaching.check_tcp, is_required=True),
    Check("tls", "encrypting", encryption.check_tls, is_required=True),
    Check("wake", "waking", waking.check_wake),
    Check("login", "logging in", logging_in.check_login, is_required=True),
)
"""All checks, in their order."""

MODULES: Final = (urls, resolving, reaching, encryption, waking, logging_in, login_refusals)
"""The modules that define diagnoses, in the order of the checks."""

DIAGNOSES: Final[Mapping[str, Diagnosis]] = MappingProxyType(
    {diagnosis.code: diagnosis for module in MODULES for diagnosis in module.DIAGNOSES}
)
"""Every diagnosis by its code, in the order of the checks."""
