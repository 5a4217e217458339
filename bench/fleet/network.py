"""Where the programs of a fleet are: on loopback, or in network namespaces that can be cut off."""

import os
import random
import secrets
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

# No interface has it, so that packets which are sent there are lost in silence.
_NOBODY = "02:00:00:00:00:99"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program listens.

    Attributes:
        host: The address.
        enter: What runs a command there.
    """

    host: str
    enter: Sequence[str] = ()


LOOPBACK = Place("127.0.0.1")


class Network:
    """A bridge on this machine, and a network namespace for each member.

    Clients are on this machine itself, and so reach a member that the others do not reach. It needs
    root, the kernel's bridges and the command ``ip``. A context manager, after which nothing of it
    is left.

    Args:
        names: The members.

    Attributes:
        middle: The place of etcd, on this machine.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._id = f"wh{secrets.token_hex(2)}"
        chance = random.SystemRandom()
        self._prefix = f"10.{chance.randrange(128, 255)}.{chance.randrange(1, 255)}"
        self._hosts = {name: f"{self._prefix}.{number}" for number, name in enumerate(names, 11)}
        self.middle = Place(f"{self._prefix}.2")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._make(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def place(self, name: str) -> Place:
        """Where a member is."""
        return Place(self._hosts[name], ("ip", "netns", "exec", self._namespace(name)))

    def cut_off(self, name: str) -> None:
        """Lose every packet of a member to the others and to etcd; clients still reach it."""
        for host in self._others(name):
            neighbour = (host, "lladdr", _NOBODY, "nud", "permanent", "dev", "eth0")
            _ip("-n", self._namespace(name), "neigh", "replace", *neighbour)

    def mend(self, name: str) -> None:
        """Let the member's packets arrive again."""
        for host in self._others(name):
            _ip("-n", self._namespace(name), "neigh", "del", host, "dev", "eth0")

    def _make(self, stack: ExitStack) -> None:
        bridge = f"{self._id}br"
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", bridge)
        for host in (f"{self._prefix}.1", self.middle.host):
            _ip("addr", "add", f"{host}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, name in enumerate(self._hosts):
            inside, end = self._namespace(name), f"{self._id}v{number}"
            _ip("netns", "add", inside)
            stack.callback(_ip, "netns", "del", inside)
            _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", inside)
            _ip("link", "set", end, "master", bridge, "up")
            _ip("-n", inside, "addr", "add", f"{self._hosts[name]}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", inside, "link", "set", device, "up")

    def _namespace(self, name: str) -> str:
        return f"{self._id}-{name}"

    def _others(self, name: str) -> list[str]:
        return [self.middle.host, *(host for each, host in self._hosts.items() if each != name)]


def can_be_cut() -> bool:
    """Whether this machine lets us have such a network."""
    if os.geteuid() != 0:
        return False
    try:
        with Network(("one",)):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True)  # noqa: S607 - of iproute2
