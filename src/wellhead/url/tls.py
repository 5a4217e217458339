"""The TLS policy: libpq's rules, and never less.

Neon's certificates come from a public authority and its proxy requires TLS, so on a Neon host
every weaker mode is raised to full verification (neon.com/docs/connect/connect-securely).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wellhead.url.hosts import Host
from wellhead.url.neon import endpoint_of
from wellhead.url.parameters import Parameters, SSLMode
from wellhead.url.split import Driver, fault

SYSTEM: Final = "system"
# Modes that fall back to no TLS, or to no certificate, if the server says so.
OPPORTUNISTIC: Final[frozenset[SSLMode]] = frozenset({"allow", "prefer"})
_ENCRYPTED: Final[frozenset[SSLMode]] = frozenset({"require", "verify-ca", "verify-full"})


def settle(
    given: Parameters, *, driver: Driver, hosts: Sequence[Host]
) -> tuple[Parameters, tuple[str, ...]]:
    """Fill in the TLS parameters that were left open, and raise weak ones.

    Returns:
        The parameters, with ``sslmode`` set, and a sentence for each change.

    Raises:
        URLError: A combination that libpq or the host would refuse.
    """
    if any(endpoint_of(host) for host in hosts):
        settled, notes = _for_neon(given)
    else:
        settled, notes = _for_any(given), []
    _refuse_contradictions(settled)
    if all(host.is_socket for host in hosts):
        if settled.sslmode in _ENCRYPTED:
            notes.append(f"sslmode={settled.sslmode} has no effect on a Unix socket.")
        return settled, tuple(notes)
    if settled.sslnegotiation == "direct" and settled.sslmode not in _ENCRYPTED:
        raise fault(
            f"has sslnegotiation=direct with sslmode={settled.sslmode}",
            "write sslmode=require, verify-ca or verify-full with it",
        )
    if driver == "asyncpg" and settled.sslmode in OPPORTUNISTIC:
        notes += _not_sent_by_asyncpg(settled)
    return settled, tuple(notes)


def _for_neon(given: Parameters) -> tuple[Parameters, list[str]]:
    if given.sslmode == "disable":
        raise fault("has sslmode=disable for a Neon host", "write sslmode=verify-full")
    has_own_roots = given.sslrootcert not in {None, SYSTEM}
    if has_own_roots and given.sslmode in {"verify-ca", "verify-full"}:
        return given, []
    settled = replace(given, sslmode="verify-full", sslrootcert=given.sslrootcert or SYSTEM)
    if settled == given:
        return given, []
    if given.sslmode == "verify-full":
        return settled, ["sslmode=verify-full uses the system's roots: the host is Neon's."]
    shown = "The missing sslmode" if given.sslmode is None else f"sslmode={given.sslmode}"
    roots = "" if has_own_roots else " with the system's roots"
    return settled, [f"{shown} is raised to verify-full{roots}: the host is Neon's."]


def _for_any(given: Parameters) -> Parameters:
    if given.sslrootcert != SYSTEM:
        return replace(given, sslmode=given.sslmode or "prefer")
    if given.sslmode not in {None, "verify-full"}:
        raise fault(
            f"has sslrootcert=system with sslmode={given.sslmode}",
            "write sslmode=verify-full, since anyone can have a certificate from a public "
            "authority",
        )
    return replace(given, sslmode="verify-full")


def _refuse_contradictions(settled: Parameters) -> None:
    if settled.sslkey is not None and settled.sslcert is None:
        raise fault("has sslkey without sslcert", "name the certificate that belongs to the key")
    lowest, highest = settled.ssl_min_protocol_version, settled.ssl_max_protocol_version
    if lowest == "TLSv1.3" and highest == "TLSv1.2":
        raise fault("has ssl_min_protocol_version above ssl_max_protocol_version", "swap them")


def _not_sent_by_asyncpg(settled: Parameters) -> list[str]:
    if settled.sslcert is not None:
        raise fault(
            f"has sslcert with sslmode={settled.sslmode}, which asyncpg cannot do",
            "write sslmode=require or stronger",
        )
    names = ("sslrootcert", "sslcrl", "ssl_min_protocol_version", "ssl_max_protocol_version")
    return [
        f"{name} has no effect with sslmode={settled.sslmode}, which verifies nothing; "
        "write sslmode=verify-full."
        for name in names
        if getattr(settled, name) is not None
    ]
