"""The HAProxy of a fleet: one port that leads to the primary, one that leads to the replicas."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from bench.fleet.member import Member
from bench.fleet.ports import Ports
from bench.fleet.program import Program
from bench.fleet.programs import HAPROXY
from tests.staging.patience import until

_CONFIGURATION = """\
global
  maxconn 1000
defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout check 2s
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
listen primary
  bind 127.0.0.1:{primary}
  option httpchk OPTIONS /primary
{servers}
listen replicas
  bind 127.0.0.1:{replicas}
  balance roundrobin
  option httpchk OPTIONS /replica
{servers}
"""


class HAProxy:
    """An HAProxy that asks every member's Patroni twice a second what it is.

    When a member is no longer what it was, the connections to it are closed.

    Args:
        directory: Where its configuration and its log are to be.
        ports: Where it gets its two ports from.

    Attributes:
        primary_port: Leads to the server that takes writes.
        replicas_port: Leads to the others by turns.
    """

    def __init__(self, directory: Path, ports: Ports) -> None:
        self.primary_port = ports.take()
        self.replicas_port = ports.take()
        self._ports = ports
        self._configuration = directory / "haproxy.cfg"
        self._program = Program(
            (HAPROXY, "-db", "-f", self._configuration), directory / "haproxy.log"
        )

    def lead_to(self, places: Mapping[int, Member]) -> None:
        """Say where connections are to go.

        Args:
            places: The port of each PgBouncer, and the member behind it, whose Patroni is asked.
        """
        servers = "\n".join(
            f"  server at_{port} 127.0.0.1:{port} check addr {member.host} port {member.rest_port}"
            for port, member in places.items()
        )
        self._configuration.write_text(
            _CONFIGURATION.format(
                primary=self.primary_port, replicas=self.replicas_port, servers=servers
            )
        )

    async def start(self) -> None:
        """Start it, also after `kill`, and wait until it takes connections."""
        self._ports.release(self.primary_port, self.replicas_port)
        self._program.start()

        async def listens() -> bool:
            self._program.check()
            try:
                for port in (self.primary_port, self.replicas_port):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
            except OSError:
                return False
            return True

        await until(listens)

    async def kill(self) -> None:
        """End it at once, with every connection through it."""
        await self._program.kill()
