"""What a host name reveals about the server: Neon, a transaction pooler, or PostgreSQL.

Neon's hosts are ``<endpoint>[-pooler].[<cell>.]<region>.<platform>.neon.tech``; the proxy reads
the endpoint from the first label and takes ``-pooler`` off it (neon.com/docs/connect).
"""

import re
from dataclasses import replace
from typing import Final

from wellhead.url.hosts import Host

POOLER: Final = "-pooler"
"""The suffix of an endpoint's name that selects its pooler."""

_HOST: Final = re.compile(
    r"(ep-[a-z0-9-]+)((?:\.[a-z0-9-]+)+\.neon\.(?:tech|build))", re.IGNORECASE
)

# PgBouncer's default port, and Supavisor's port for transaction mode.
_PGBOUNCER_PORT: Final = 6432
_SUPAVISOR_PORT: Final = 6543


def endpoint_of(host: Host) -> str | None:
    """The endpoint's name in lower case, with ``-pooler`` if the host has it."""
    match = _HOST.fullmatch(host.name)
    return None if match is None else match[1].lower()


def is_pooler_port(host: Host) -> bool:
    """Whether transaction poolers usually listen on this port."""
    return is_supavisor(host) or (not host.is_socket and host.port == _PGBOUNCER_PORT)


def is_supavisor(host: Host) -> bool:
    """Whether Supabase's pooler usually listens in transaction mode on this port."""
    return not host.is_socket and host.port == _SUPAVISOR_PORT


def direct_twin(host: Host) -> Host:
    """The same endpoint without its pooler; every label but the first stays."""
    if not (endpoint_of(host) or "").endswith(POOLER):
        return host
    label, _, rest = host.name.partition(".")
    return replace(host, name=f"{label[: -len(POOLER)]}.{rest}")
