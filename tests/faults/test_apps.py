"""An application that the fault suite starts and stops."""

import socket
from pathlib import Path

import pytest

from bench.faults.apps import USUAL, ServedApp
from wellhead.embedded.ports import ADDRESS, quiet_port

pytestmark = pytest.mark.slow


async def test_one_whose_port_is_taken_before_it_starts_goes_to_another(
    database_url: str, tmp_path: Path
) -> None:
    port = quiet_port()
    served = ServedApp(USUAL, tmp_path, port=port)
    with socket.create_server((ADDRESS, port)):
        await served.start(database_url)

    assert served.base_url != f"http://{ADDRESS}:{port}"
    assert len(served.starts) == 1
    await served.stop()
