"""The etcd of a fleet, in which the members agree on the primary."""

from pathlib import Path

import httpx2

from bench.fleet.network import Place
from bench.fleet.program import Program
from bench.fleet.programs import ETCD
from tests.staging.patience import until
from tests.staging.ports import reserve_port


class Etcd:
    """One etcd, with its data on disk: it is the same after a restart.

    Args:
        directory: Where its data and its log are to be.
        place: Where it is to listen.

    Attributes:
        address: Where clients reach it: host and port.
    """

    def __init__(self, directory: Path, place: Place) -> None:
        self._port = reserve_port()
        self._peer_port = reserve_port()
        self.address = f"{place.host}:{self._port}"
        client, peer = f"http://{self.address}", f"http://{place.host}:{self._peer_port}"
        self._program = Program(
            (
                ETCD,
                *("--name", "fleet", "--data-dir", str(directory / "etcd")),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", f"fleet={peer}"),
            ),
            directory / "etcd.log",
        )

    async def start(self) -> None:
        """Start it, also after `kill`, and wait until it is healthy."""
        self._program.start()
        async with httpx2.AsyncClient(trust_env=False, timeout=5, verify=False) as client:

            async def is_healthy() -> bool:
                self._program.check()
                try:
                    response = await client.get(f"http://{self.address}/health")
                except httpx2.HTTPError:
                    return False
                return response.is_success

            await until(is_healthy)

    async def kill(self) -> None:
        """End it at once."""
        await self._program.kill()
