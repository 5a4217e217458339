"""Which port the server takes, and what is said when it cannot have it."""

import socket
from pathlib import Path

import pytest

from tests.staging.embedded import ask
from wellhead.embedded import EmbeddedPostgres, ports, watch
from wellhead.errors import EmbeddedError

pytestmark = pytest.mark.slow


def test_a_port_that_was_asked_for_is_used(used_directory: Path) -> None:
    port = ports.free_port()
    with EmbeddedPostgres(used_directory, durable=False, port=port) as server:
        assert server.port == port


def test_a_taken_port_is_named_with_how_to_find_the_process_that_holds_it(
    directory: Path, taken_port: int
) -> None:
    with pytest.raises(
        EmbeddedError, match=rf"Port {taken_port} is taken\.\nlsof -i :{taken_port}"
    ):
        EmbeddedPostgres(directory, port=taken_port).start()
    assert not (directory / watch.DATA).exists()


def test_a_port_that_was_taken_since_the_last_run_is_replaced(server: EmbeddedPostgres) -> None:
    old = server.port
    server.stop()
    with socket.create_server(("127.0.0.1", old)):
        server.start()
        assert server.port != old
        assert ask(server.url, "SELECT 1") == 1


def test_a_server_that_runs_on_another_port_is_not_joined(
    server: EmbeddedPostgres, used_directory: Path, taken_port: int
) -> None:
    with pytest.raises(EmbeddedError, match=f"running on port {server.port}, not on {taken_port}"):
        EmbeddedPostgres(used_directory, port=taken_port).start()
    assert ask(server.url, "SELECT 1") == 1


def test_a_quiet_port_is_free_and_below_those_of_outgoing_connections() -> None:
    port = ports.quiet_port()

    assert ports.is_free(port)
    assert 20_000 <= port < 32_000


def test_a_port_that_a_program_keeps_without_listening_is_not_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as keeper:
        keeper.bind((ports.ADDRESS, port := ports.quiet_port()))
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        monkeypatch.setattr(ports, "_LOWEST", port)
        monkeypatch.setattr(ports, "_HIGHEST", port + 1)
        monkeypatch.setattr(ports, "_ATTEMPTS", 1)

        with pytest.raises(StopIteration):
            ports.quiet_port()
