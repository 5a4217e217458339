"""The programs of a fleet, which `make fleet` fetches into a directory of the project."""

from pathlib import Path

from tests.staging import pgbouncer

HOME = Path(__file__).parents[2] / ".fleet"

ETCD = HOME / "etcd" / "etcd"
HAPROXY = HOME / "haproxy" / "haproxy"
PATRONI = HOME / "patroni" / "bin" / "patroni"


def missing() -> list[str]:
    """The programs that are not fetched."""
    needed = {"etcd": ETCD, "HAProxy": HAPROXY, "Patroni": PATRONI}
    absent = [name for name, program in needed.items() if not program.is_file()]
    return [*absent, *(f"PgBouncer {version}" for version in pgbouncer.missing())]
