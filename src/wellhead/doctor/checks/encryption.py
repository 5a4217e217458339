"""TLS: is the connection to each host encrypted, and is the server who it says it is?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

from wellhead.doctor.case import Address, Case
from wellhead.doctor.checks.trusting import BY_THE_SYSTEM, NOT_VERIFIED, examine_certificate
from wellhead.doctor.findings import Diagnosis, Finding, Outcome, worst
from wellhead.doctor.greeting import Wire
from wellhead.url import Host
from wellhead.url.tls import OPPORTUNISTIC, SYSTEM

HUNG_UP = Diagnosis(
    "hung_up",
    Outcome.FAILURE,
    "Something accepts the connection, and hangs up or stays silent.",
    "A load balancer, a tunnel or a port forward accepts for a server that is not there; or the "
    "server is so busy that it does not get to new connections.",
    "Start what is behind the tunnel, or connect to the server itself.",
)
NOT_POSTGRES = Diagnosis(
    "not_postgres",
    Outcome.FAILURE,
    "What listens there does not speak PostgreSQL's protocol.",
    "The port belongs to another program, such as a web server or a database of another kind.",
    "Correct the port in the URL; PostgreSQL's is 5432, PgBouncer's 6432.",
)
NO_TLS_OFFERED = Diagnosis(
    "no_tls_offered",
    Outcome.FAILURE,
    "The URL insists on TLS, and the server has none.",
    "Nothing is sent without encryption. A local or private server often has TLS turned off.",
    "Turn TLS on in the server (ssl = on), or write sslmode=disable if nobody else can read the "
    "network.",
)
NOT_ENCRYPTED = Diagnosis(
    "not_encrypted",
    Outcome.WARNING,
    "The connection is not encrypted.",
    "Everyone on the way can read and change what is sent.",
    "Write sslmode=verify-full in the URL, once the server has TLS.",
)
DIAGNOSES = (HUNG_UP, NOT_POSTGRES, NO_TLS_OFFERED, NOT_ENCRYPTED)

# With allow, TLS is used only if the server refuses a login without.
_PLAIN: Final = frozenset({"disable", "allow"})


async def check_tls(case: Case) -> AsyncIterator[Finding]:
    """Make an encrypted connection to each host as the application would, all at the same time.

    A host that fails is left out as long as another one serves, as drivers do.
    """
    first: dict[Host, Address] = {}
    for address in case.reached:
        first.setdefault(address.host, address)
    results = await asyncio.gather(*(_of_host(case, address) for address in first.values()))
    refused = {
        host for host, found in zip(first, results, strict=True) if worst(found) is Outcome.FAILURE
    }
    usable = [address for address in case.reached if address.host not in refused]
    case.reached = usable or case.reached
    # All hosts may fail for one reason.
    found = list(dict.fromkeys(finding for result in results for finding in result))
    _recommend_verifying(case, found)
    for finding in found:
        is_left_out = finding.outcome is Outcome.FAILURE and usable
        yield replace(finding, outcome=Outcome.WARNING) if is_left_out else finding


async def _of_host(case: Case, address: Address) -> list[Finding]:
    if address.host.is_socket:
        return [Finding("A Unix socket needs no encryption: nothing leaves this machine.")]
    offer = await _offer(case, address)
    if isinstance(offer, Finding):
        return [offer]
    if offer:
        case.encrypted.add(address.host)
        try:
            return await examine_certificate(case, address)
        except OSError:
            return [HUNG_UP.found(f"{address} hung up, or went silent, in the TLS handshake.")]
    seen = f"The connection to {address} is not encrypted: "
    is_unwanted = case.url.sslmode in _PLAIN
    seen += f"sslmode={case.url.sslmode}." if is_unwanted else "the server offers no TLS."
    if address.is_local:
        return [Finding(f"{seen} It stays on this machine.")]
    return [NOT_ENCRYPTED.found(seen)]


def _recommend_verifying(case: Case, found: Sequence[Finding]) -> None:
    unverified = [finding for finding in found if finding.diagnosis is NOT_VERIFIED]
    # One URL serves all hosts.
    if unverified and all(finding.cure == BY_THE_SYSTEM for finding in unverified):
        case.recommend_parameters(
            "So that the server is verified.", sslmode="verify-full", sslrootcert=SYSTEM
        )


async def _offer(case: Case, address: Address) -> bool | Finding:
    """Whether TLS is used, or what is wrong with the greeting."""
    if case.url.parameters.sslnegotiation == "direct":
        return True
    limit = case.settings.effective_connect_timeout
    try:
        wire = await Wire.open(address, limit)
        try:
            said = await wire.ask_for_tls()
        finally:
            wire.close()
    except TimeoutError:
        return HUNG_UP.found(f"{address} accepted the connection and said nothing for {limit:g} s.")
    except OSError:
        said = b""
    if not said:
        return HUNG_UP.found(f"{address} accepted the connection and closed it without a word.")
    if said not in {b"S", b"N"}:
        return NOT_POSTGRES.found(f"{address} does not speak PostgreSQL's protocol.")
    if said == b"N" and case.url.sslmode not in OPPORTUNISTIC | _PLAIN:
        return NO_TLS_OFFERED.found(
            f"{address} offers no TLS, and the URL has sslmode={case.url.sslmode}."
        )
    return said == b"S" and case.url.sslmode not in _PLAIN
