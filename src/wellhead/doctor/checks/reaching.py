"""TCP: does anything accept connections at the addresses, and how fast?"""

import asyncio
from collections.abc import AsyncIterator

from wellhead.doctor.case import Address, Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.greeting import Wire

PORT_REFUSED = Diagnosis(
    "port_refused",
    Outcome.FAILURE,
    "The machine is there, and nothing listens on the port.",
    "PostgreSQL is not running, listens on another port, or only on its own loopback address "
    "(listen_addresses). In a container, localhost is the container itself.",
    "Start the server, or correct host and port in the URL. In Compose, write the name of the "
    "service as the host, and depends_on with condition: service_healthy.",
)
PORT_FILTERED = Diagnosis(
    "port_filtered",
    Outcome.FAILURE,
    "Nothing responds at the address: no acceptance and no refusal.",
    "A firewall, a security group or the provider's list of addresses drops the packets, or "
    "the machine is off. A program then waits for its whole connect timeout.",
    "Allow this machine's address and the port in the firewall or the provider's list.",
)
HOST_UNREACHABLE = Diagnosis(
    "host_unreachable",
    Outcome.FAILURE,
    "The network reports that the address cannot be reached.",
    "A router or the system said so; it is the network's fault and not the database's.",
    "Check the host in the URL, and the routes between this machine and the database.",
)
SOCKET_MISSING = Diagnosis(
    "socket_missing",
    Outcome.FAILURE,
    "The file of the Unix socket does not exist, or may not be used.",
    "PostgreSQL is not running on this machine, has its sockets in another directory "
    "(unix_socket_directories), or another number. A container does not see the host's directory.",
    "psql -h 127.0.0.1 -c 'SHOW unix_socket_directories' names the directory; mount it, or connect "
    "by host name.",
)
ADDRESS_DEAD = Diagnosis(
    "address_dead",
    Outcome.WARNING,
    "Some of the addresses accept no connections.",
    "A program that tries a dead address first waits for it, at each new connection. Often it is "
    "IPv6 that is configured and does not work.",
    "Repair the address, remove it from DNS, or use a host that has the other ones only.",
)
DIAGNOSES = (PORT_REFUSED, PORT_FILTERED, HOST_UNREACHABLE, SOCKET_MISSING, ADDRESS_DEAD)


async def check_tcp(case: Case) -> AsyncIterator[Finding]:
    """Connect to every address at the same time, within the connect timeout."""
    limit = case.settings.effective_connect_timeout
    results = await asyncio.gather(*(_reach(address, limit) for address in case.addresses))
    failed: list[Finding] = []
    for address, result in zip(case.addresses, results, strict=True):
        if isinstance(result, Finding):
            failed.append(result)
        else:
            case.reached.append(address)
            yield Finding(f"{address} accepts connections, in {1000 * result:.1f} ms.")
    for finding in failed:
        yield ADDRESS_DEAD.found(finding.seen) if case.reached else finding


async def _reach(address: Address, limit: float) -> float | Finding:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        wire = await Wire.open(address, limit)
    except TimeoutError:
        return PORT_FILTERED.found(f"{address} did not respond within {limit:g} s.")
    except OSError as error:
        return _refused(address, error)
    took = loop.time() - started
    wire.close()
    return took


def _refused(address: Address, error: OSError) -> Finding:
    if address.host.is_socket:
        return SOCKET_MISSING.found(f"{address} cannot be used: {error.strerror}.")
    if isinstance(error, ConnectionRefusedError):
        return PORT_REFUSED.found(f"{address} refuses connections: nothing listens there.")
    return HOST_UNREACHABLE.found(f"{address} cannot be reached: {error.strerror or error}.")
