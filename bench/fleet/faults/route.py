"""The ways of an application to the servers of a fleet."""

from collections.abc import Mapping
from enum import StrEnum

from bench.faults.apps import USUAL, Kind
from bench.faults.console import DATABASE, ROLE
from bench.fleet.fleet import PASSWORD, Fleet

_KEY = "the-key-of-the-marks-of-a-fleet-on-this-machine"


class Route(StrEnum):
    """How applications find the server that takes writes."""

    HAPROXY = "HAProxy"
    """It is behind a port of HAProxy, and a PgBouncer is in front of it."""

    HOSTS = "all hosts"
    """The URL names every server, and wishes for the one that takes writes."""

    REPLICAS = "all hosts, reads from replicas"
    """The same, and what only reads goes to the other servers."""


def url_of(route: Route, fleet: Fleet, kind: Kind) -> str:
    """The URL by which an application goes this way."""
    if kind is not USUAL:
        return fleet.primary_url if route is Route.HAPROXY else fleet.hosts_url
    place = f"postgresql+asyncpg://{ROLE}:{PASSWORD}@"
    if route is Route.HAPROXY:
        return f"{place}127.0.0.1:{fleet.haproxy.primary_port}/{DATABASE}"
    return _any_host(place, fleet, "read-write")


def reading(route: Route, fleet: Fleet, kind: Kind) -> Mapping[str, str]:
    """What tells an application where else it may read."""
    if route is not Route.REPLICAS:
        return {}
    place = f"{ROLE}:{PASSWORD}@"
    if kind is USUAL:
        return {"READ_URL": _any_host(f"postgresql+asyncpg://{place}", fleet, "prefer-standby")}
    urls = [f"postgresql://{place}{member.address}/{DATABASE}" for member in fleet.members]
    return {"DATABASE_REPLICA_URL": ",".join(urls), "DATABASE_REPLICA_KEY": _KEY}


def _any_host(place: str, fleet: Fleet, wish: str) -> str:
    hosts = "".join(f"host={member.address}&" for member in fleet.members)
    return f"{place}/{DATABASE}?{hosts}target_session_attrs={wish}"
