"""Directories and servers that belong to one test."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from wellhead.embedded import EmbeddedPostgres, account


@pytest.fixture
def new_server(directory: Path) -> Iterator[EmbeddedPostgres]:
    """A started server with data that the test may spoil."""
    with EmbeddedPostgres(directory, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def used_directory(public_directory: Path) -> Path:
    """A directory with a server's data: a start there takes a tenth of a first start.

    No server runs there before and after a test, and its data is whole.
    """
    directory = public_directory / "used"
    with EmbeddedPostgres(directory, durable=False):
        return directory


@pytest.fixture
def server(used_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A started server without other users."""
    with EmbeddedPostgres(used_directory, durable=False) as server:
        yield server


@pytest.fixture
def other_server(used_directory: Path) -> EmbeddedPostgres:
    """A second object for the directory of `server`, not started."""
    return EmbeddedPostgres(used_directory, durable=False)


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def shared_root(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where root keeps what the server's account must reach; the machine's own stays clean."""
    root = directory.with_name(f"{directory.name}-shared")
    monkeypatch.setattr(account, "SHARED_ROOT", root)
    return root
