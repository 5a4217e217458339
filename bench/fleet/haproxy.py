"""The HAProxy of a fleet: a port for the primary, one for the replicas, one for applications."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.fleet.member import Member
from bench.fleet.program import Program
from bench.fleet.programs import HAPROXY
from tests.staging.patience import until
from tests.staging.ports import reserve_port

_CONFIGURATION = """\
global
  maxconn 1000
  stats socket {admin} mode 600 level admin expose-fd listeners
  server-state-file {states}
defaults
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout check 2s
  default-server inter 500ms fall 2 rise 1
  load-server-state-from-file global
listen primary
  mode tcp
  bind 127.0.0.1:{primary}
  option httpchk OPTIONS /primary
  default-server on-marked-down shutdown-sessions
{members}
listen replicas
  mode tcp
  bind 127.0.0.1:{replicas}
  balance roundrobin
  option httpchk OPTIONS /replica
  default-server on-marked-down shutdown-sessions
{members}
listen applications
  mode http
  bind 127.0.0.1:{applications}
  balance roundrobin
  option httpchk GET /health/ready
  http-check expect rstring '"ready"|:(unreachable|connection_lost|starting)"'
  option redispatch 1
  option idle-close-on-response
{processes}
"""

# The columns of ``show servers state``.
_STATE, _PORT = 5, 18
_IS_UP = "2"


class HAProxy:
    """An HAProxy that asks every member's Patroni twice a second what it is.

    When a member is no longer what it was, the connections to it are closed. A process of an
    application that drains gets no more requests, and finishes those that it has. One that cannot
    reach the database keeps its share: all of them would go at once, and requests can wait there.

    Args:
        directory: Where its configuration and its log are to be.

    Attributes:
        primary_port: Leads to the server that takes writes.
        replicas_port: Leads to the others by turns.
        applications_port: Leads to the processes of an application by turns.
    """

    def __init__(self, directory: Path) -> None:
        self.primary_port = reserve_port()
        self.replicas_port = reserve_port()
        self.applications_port = reserve_port()
        self._directory = directory
        self._configuration = directory / "haproxy.cfg"
        self._admin = directory / "haproxy.sock"
        self._states = directory / "haproxy.states"
        self._members = self._processes = ""
        self._programs: list[Program] = []

    def lead_to(self, places: Mapping[int, Member]) -> None:
        """Say where connections to the database are to go, from the next start or reload on.

        Args:
            places: The port of each PgBouncer, and the member behind it, whose Patroni is asked.
        """
        self._members = "\n".join(
            f"  server at_{port} 127.0.0.1:{port} check addr {member.host} port {member.rest_port}"
            for port, member in places.items()
        )

    def serve(self, ports: Iterable[int]) -> None:
        """Say where an application's processes may be, from the next start or reload on."""
        self._processes = "\n".join(f"  server at_{port} 127.0.0.1:{port} check" for port in ports)

    async def start(self) -> None:
        """Start it, also after `kill`, and wait until it takes connections."""
        self._states.write_text("")
        self._launch()
        await until(self._listens)

    async def reload(self) -> Program:
        """Let another one take over its listeners, and return the former one.

        That takes no more connections, and ends with the last of those that it has. The new one is
        told what the former had found out: otherwise each member would be the primary at first.
        """
        self._states.write_text(await self._ask("show servers state"))
        former = self._programs[-1]
        self._launch("-x", self._admin, "-sf", str(former.pid))
        # The administrator's socket has the new one's name as soon as it serves.
        pid = f"Pid: {self._programs[-1].pid}\n"

        async def has_taken_over() -> bool:
            self._programs[-1].check()
            return pid in await self._ask("show info")

        await until(has_taken_over)
        return former

    async def up(self, proxy: str) -> set[int]:
        """The ports to which ``primary``, ``replicas`` or ``applications`` leads now."""
        lines = (await self._ask(f"show servers state {proxy}")).splitlines()
        rows = [line.split() for line in lines if f" {proxy} " in line]
        return {int(row[_PORT]) for row in rows if row[_STATE] == _IS_UP}

    async def kill(self) -> None:
        """End it at once, with every connection through it."""
        while self._programs:
            await self._programs.pop().kill()

    def _launch(self, *options: Path | str) -> None:
        self._configuration.write_text(
            _CONFIGURATION.format(
                admin=self._admin,
                states=self._states,
                primary=self.primary_port,
                replicas=self.replicas_port,
                applications=self.applications_port,
                members=self._members,
                processes=self._processes,
            )
        )
        command = (HAPROXY, "-db", "-f", self._configuration, *options)
        program = Program(command, self._directory / "haproxy.log")
        program.start()
        self._programs.append(program)

    async def _listens(self) -> bool:
        self._programs[-1].check()
        try:
            for port in (self.primary_port, self.replicas_port, self.applications_port):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
        except OSError:
            return False
        return True

    async def _ask(self, command: str) -> str:
        """What it says at its administrator's socket."""
        reader, writer = await asyncio.open_unix_connection(self._admin)
        try:
            writer.write(f"{command}\n".encode())
            return (await reader.read()).decode()
        finally:
            writer.close()
