"""The container's health check: what it asks, and how it ends."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from todo.healthcheck import ask


@contextmanager
def server(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server that answers everything with one status; gives its port and the paths asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield listening.server_port, paths
        finally:
            listening.shutdown()
            thread.join()


def test_only_health_is_asked_for() -> None:
    with server(200) as (port, paths):
        fault = ask(port)

    assert (fault, paths) == (None, ["/health/live"])


def test_another_status_is_told() -> None:
    with server(503) as (port, _):
        assert ask(port) == f"port {port} responds with status 503"


def test_a_port_without_a_server_is_told() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        assert str(ask(port)).startswith(f"port {port} does not respond: ConnectionRefusedError")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (500, 1)])
def test_the_command_ends_with_a_code_for_the_engine(status: int, code: int) -> None:
    with server(status) as (port, _):
        done = subprocess.run(
            [sys.executable, "-I", "-m", "todo.healthcheck"], env={"PORT": str(port)}, check=False
        )

    assert done.returncode == code


def test_it_loads_nothing_but_the_standard_library() -> None:
    program = (
        "import sys; before = set(sys.modules); import todo.healthcheck; "
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(names - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True)

    assert done.stdout.decode().strip() == "{'todo'}"
