"""What a host name says about who answers there: Neon, a transaction pooler, or PostgreSQL.

Neon's hosts are ``<endpoint>[-pooler].[<cell>.]<region>.<platform>.neon.tech``; the proxy reads
the endpoint from the first label and takes ``-pooler`` off it (neon.com/docs/connect).
"""

import re
from dataclasses import replace
from typing import Final

from wellhead.url.hosts import Host

_HOST: Final = re.compile(
    r"(ep-[a-z0-9-]+)((?:\.[a-z0-9-]+)+\.neon\.(?:tech|build))", re.IGNORECASE
)
_POOLER: Final = "-pooler"

# PgBouncer's own default, and Supavisor's port for transactions.
_PGBOUNCER_PORT: Final = 6432
_SUPAVISOR_PORT: Final = 6543


def is_neon(host: Host) -> bool:
    """Tell whether the host is an endpoint of Neon."""
    return _HOST.fullmatch(host.name) is not None


def endpoint_of(host: Host) -> str | None:
    """Return the endpoint's id, without ``-pooler`` and in lower case."""
    match = _HOST.fullmatch(host.name)
    return None if match is None else match[1].lower().removesuffix(_POOLER)


def is_neon_pooler(host: Host) -> bool:
    """Tell whether the host is the pooled twin of an endpoint."""
    match = _HOST.fullmatch(host.name)
    return match is not None and match[1].lower().endswith(_POOLER)


def is_pooler_port(host: Host) -> bool:
    """Tell whether transaction poolers usually listen on this port."""
    return is_supavisor(host) or (not host.is_socket and host.port == _PGBOUNCER_PORT)


def is_supavisor(host: Host) -> bool:
    """Tell whether Supabase's pooler usually listens for transactions on this port."""
    return not host.is_socket and host.port == _SUPAVISOR_PORT


def direct_twin(host: Host) -> Host:
    """Return the same endpoint without its pooler; every label but the first stays."""
    match = _HOST.fullmatch(host.name)
    if match is None or not is_neon_pooler(host):
        return host
    return replace(host, name=match[1][: -len(_POOLER)] + match[2])
