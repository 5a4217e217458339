"""What a host name reveals about the server: Neon, a transaction pooler, or PostgreSQL.

Neon's hosts are ``<endpoint>[-pooler].[<cell>.]<region>.<platform>.neon.tech``; the proxy reads
the endpoint from the first label and takes ``-pooler`` off it (neon.com/docs/connect). Supabase's
poolers lend a connection per transaction on port 6543, and the same host has one per session, or
PostgreSQL itself, on 5432 (supabase.com/docs/guides/database/connecting-to-postgres).
"""

import re
from dataclasses import replace
from typing import Final

from wellhead.url.hosts import DEFAULT_PORT, Host

POOLER: Final = "-pooler"
"""The suffix of an endpoint's name that selects its pooler."""

_HOST: Final = re.compile(
    r"(ep-[a-z0-9-]+)((?:\.[a-z0-9-]+)+\.neon\.(?:tech|build))", re.IGNORECASE
)

# PgBouncer's default port, and Supavisor's port for transaction mode.
_PGBOUNCER_PORT: Final = 6432
_SUPAVISOR_PORT: Final = 6543
_SUPABASE: Final = (".pooler.supabase.com", ".supabase.co")


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


def direct_twin(host: Host) -> Host | None:
    """Return where the same database has sessions of its own; None where the host does not tell.

    Neon's endpoint without its pooler, every label but the first as it is; on Supabase the same
    host with the port for sessions.
    """
    endpoint = endpoint_of(host)
    if endpoint is not None:
        if not endpoint.endswith(POOLER):
            return host
        label, _, rest = host.name.partition(".")
        return replace(host, name=f"{label[: -len(POOLER)]}.{rest}")
    if host.name.lower().endswith(_SUPABASE) and host.port in {_SUPAVISOR_PORT, DEFAULT_PORT}:
        return replace(host, port=DEFAULT_PORT)
    return None
