"""The ways of an application to the primary of a fleet."""

from enum import StrEnum

from bench.faults.apps import USUAL, Kind
from bench.faults.console import DATABASE, ROLE
from bench.fleet.fleet import PASSWORD, Fleet


class Route(StrEnum):
    """How applications find the server that takes writes."""

    HAPROXY = "HAProxy"
    """It is behind a port of HAProxy, and a PgBouncer is in front of it."""

    HOSTS = "all hosts"
    """The URL names every server, and wishes for the one that takes writes."""


def url_of(route: Route, fleet: Fleet, kind: Kind) -> str:
    """The URL by which an application goes this way."""
    if kind is not USUAL:
        return fleet.primary_url if route is Route.HAPROXY else fleet.hosts_url
    place = f"postgresql+asyncpg://{ROLE}:{PASSWORD}@"
    if route is Route.HAPROXY:
        return f"{place}127.0.0.1:{fleet.haproxy.primary_port}/{DATABASE}"
    hosts = "".join(f"host={member.address}&" for member in fleet.members)
    return f"{place}/{DATABASE}?{hosts}target_session_attrs=read-write"
