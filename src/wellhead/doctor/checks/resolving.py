"""DNS: does the host name have addresses, and is there a route to them?"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from wellhead.doctor.case import Address, Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.url import Host

NAME_NOT_FOUND = Diagnosis(
    "name_not_found",
    Outcome.FAILURE,
    "The host name does not exist.",
    "The name in the URL has a typo, the database was deleted, or it is only known in another "
    "network: `db` exists in a Compose network, and not on the host.",
    "Copy the host again from the provider's page. In Compose, write the name of the service.",
)
NO_RESOLVER = Diagnosis(
    "no_resolver",
    Outcome.FAILURE,
    "The name server did not respond.",
    "This says nothing about the database: this machine or container could not ask. It may have no "
    "network, or a wrong name server.",
    "Look at /etc/resolv.conf, and try: getent hosts HOST",
)
IPV6_ONLY = Diagnosis(
    "ipv6_only",
    Outcome.FAILURE,
    "The host has IPv6 addresses only, and this machine has no route to them.",
    "Docker's default network, GitHub's runners and many clouds have no IPv6. Supabase's direct "
    "host has no IPv4 address; its pooler has one.",
    "Use the provider's pooled URL, which has an IPv4 address, or give this machine IPv6.",
)
NO_ROUTE = Diagnosis(
    "no_route",
    Outcome.FAILURE,
    "This machine has no route to the host's addresses.",
    "No packet leaves the machine: it has no network, or the address belongs to a private network "
    "that it is not part of.",
    "Connect this machine or container to the database's network, such as its VPC or VPN.",
)
HOST_LEFT_OUT = Diagnosis(
    "host_left_out",
    Outcome.WARNING,
    "One of several hosts cannot be reached.",
    "Each new connection tries it first or may have to: the others serve, until they fail too.",
    "Correct or remove this host in the URL.",
)
DIAGNOSES = (NAME_NOT_FOUND, NO_RESOLVER, IPV6_ONLY, NO_ROUTE, HOST_LEFT_OUT)

_UNKNOWN_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


async def check_dns(case: Case) -> AsyncIterator[Finding]:
    """Look up every host, and find out which addresses have a route."""
    failed: list[Finding] = []
    for host in case.url.hosts:
        finding = await _look_up(case, host)
        if finding.outcome is Outcome.FAILURE:
            failed.append(finding)
        else:
            yield finding
    for finding in failed:
        if case.addresses:
            yield HOST_LEFT_OUT.found(finding.seen)
        else:
            yield finding


async def _look_up(case: Case, host: Host) -> Finding:
    if host.is_socket:
        case.addresses.append(Address(host, f"{host.name}/.s.PGSQL.{host.port}"))
        return Finding(f"{host.name} is the directory of a Unix socket: no name to look up.")
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        found = await loop.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _UNKNOWN_NAME:
            return NAME_NOT_FOUND.found(f"The host name {host.name} does not exist.")
        return NO_RESOLVER.found(
            f"The host name {host.name} could not be looked up: {error.strerror}.",
            cure=f"Look at /etc/resolv.conf, and try: getent hosts {host.name}",
        )
    took = 1000 * (loop.time() - started)
    addresses = [
        Address(host, str(place[0]), family == socket.AF_INET6) for family, _, _, _, place in found
    ]
    routed = [address for address in addresses if _has_route(address)]
    case.addresses += routed
    if not routed:
        return _without_route(host, addresses)
    if addresses[0].name == host.name:
        return Finding(f"{host.name} is an address: no name to look up.")
    return Finding(
        f"{host.name} has {_counted(addresses)}, of which {_counted(routed)} can be routed to; "
        f"the lookup took {took:.0f} ms."
        if len(routed) < len(addresses)
        else f"{host.name} has {_counted(addresses)}; the lookup took {took:.0f} ms."
    )


def _without_route(host: Host, addresses: Sequence[Address]) -> Finding:
    if all(address.is_ipv6 for address in addresses):
        return IPV6_ONLY.found(
            f"{host.name} has {_counted(addresses)} only, and this machine has no route to IPv6."
        )
    return NO_ROUTE.found(f"{host.name} has {_counted(addresses)}, and there is no route to any.")


def _has_route(address: Address) -> bool:
    # Connecting a datagram socket sends nothing; the system only chooses the route.
    family = socket.AF_INET6 if address.is_ipv6 else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((address.name, address.host.port))
        return True
    return False


def _counted(addresses: Sequence[Address]) -> str:
    parts = []
    for kind, is_ipv6 in (("IPv4", False), ("IPv6", True)):
        count = sum(address.is_ipv6 is is_ipv6 for address in addresses)
        if count:
            parts.append(f"{count} {kind} address{'es' if count > 1 else ''}")
    return " and ".join(parts)
