"""The programs of a fleet, which `make fleet` fetches into a directory of the project."""

import re
import subprocess
from pathlib import Path

from tests.staging import pgbouncer
from wellhead.embedded.account import server_account
from wellhead.embedded.binaries import find_binaries

HOME = Path(__file__).parents[2] / ".fleet"

ETCD = HOME / "etcd" / "etcd"
HAPROXY = HOME / "haproxy" / "haproxy"
PATRONI = HOME / "patroni" / "bin" / "patroni"


def missing() -> list[str]:
    """The programs that are not fetched."""
    needed = {"etcd": ETCD, "HAProxy": HAPROXY, "Patroni": PATRONI}
    absent = [name for name, program in needed.items() if not program.is_file()]
    return [*absent, *(f"PgBouncer {version}" for version in pgbouncer.missing())]


def versions() -> str:
    """Which programs a fleet consists of, for a report."""
    asked = {
        "Patroni": (PATRONI, "--version"),
        "etcd": (ETCD, "--version"),
        "HAProxy": (HAPROXY, "-v"),
    }
    found = [f"PostgreSQL {find_binaries(None, server_account()).version}"]
    for name, command in asked.items():
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        number = re.search(r"\d+\.\d+\.\d+", said)
        found.append(f"{name} {number[0] if number else said.strip()}")
    return ", ".join([*found, f"PgBouncer {pgbouncer.VERSIONS[-1]}"])
