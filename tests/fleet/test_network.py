"""A member that is cut off reaches nobody, and its clients reach it all the same."""

import socket
import subprocess
import sys

import pytest

from bench.fleet.network import Network, Place
from tests.staging.patience import until

pytestmark = pytest.mark.slow

PORT = 5432
SERVES = f"""
import socket
server = socket.create_server(("", {PORT}))
print("listens", flush=True)
while True:
    server.accept()[0].close()
"""
CONNECTS = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)"


def serving(place: Place) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [*place.enter, sys.executable, "-c", SERVES], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listens\n"
    return process


def reaches(here: Place, there: Place) -> bool:
    command = [*here.enter, sys.executable, "-c", CONNECTS, there.host, str(PORT)]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


async def test_who_is_cut_off_reaches_nobody_but_is_reached_by_clients() -> None:
    with Network(("one", "two")) as network, serving(network.place("one")) as server:
        one, two = network.place("one"), network.place("two")
        try:
            await until(lambda: reaches(two, one))

            network.cut_off("one")
            assert not reaches(two, one)
            socket.create_connection((one.host, PORT)).close()

            network.mend("one")
            await until(lambda: reaches(two, one))
        finally:
            server.kill()


def test_nothing_of_a_network_is_left() -> None:
    def known() -> set[str]:
        namespaces = subprocess.check_output(["ip", "netns", "list"], text=True)  # noqa: S607
        links = subprocess.check_output(["ip", "-oneline", "link"], text=True)  # noqa: S607
        return {name for name in (namespaces + links).replace(":", " ").split() if "wh" in name}

    with Network(("one",)) as network:
        place = network.place("one")
        assert place.enter[-1] in known()
        own = place.enter[-1].partition("-")[0]

    assert not [name for name in known() if name.startswith(own)]
