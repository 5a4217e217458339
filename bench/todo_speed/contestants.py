"""The Todo API of today, the same routes by hand, and the Todo API before it was made fast."""

import asyncio
import io
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from bench.speed.item import POOL_SIZE
from bench.speed.peer import BASE, ROOT, Peer
from bench.speed.server import Launch

COMMIT = "1f19431"
"""The last commit before the work on speed began."""

TODO = Peer("todo", "**Todo API**", "todo.main:create_app")
BY_HAND = Peer(
    BASE, "FastAPI + asyncpg, by hand", "bench.todo_speed.by_hand.application:create_app"
)
# Its Wellhead needs tenacity, which nothing of today does; all else it takes in today's versions.
BEFORE = Peer(f"todo_{COMMIT}", f"Todo API of {COMMIT}", "", package="tenacity")
CONTESTANTS = (TODO, BY_HAND, BEFORE)

_TODO = [sys.executable, "-c", "from todo.start import main; main()"]
_UVICORN = [sys.executable, "-m", "uvicorn", "--factory", BY_HAND.app, "--host", "127.0.0.1"]
# The options of `todo serve`, which are uvicorn's defaults where they are not here.
_UVICORN += ["--loop", "uvloop", "--http", "httptools", "--ws", "none"]
_UVICORN += ["--no-server-header", "--no-proxy-headers"]

KEY = "0123456789abcdefghijklmnopqrstuvwxyz-for-the-benchmark"
"""What tokens are signed with."""

_SETTINGS = {
    # In development, requests show what they do.
    "APP_ENV": "production",
    "JWT_SECRET_KEY": KEY,
    "JWT_ACCESS_TOKEN_EXPIRE_MINUTES": "1440",
    "LOGIN_ATTEMPTS_PER_ACCOUNT": "1000000 per minute",
    "LOGIN_ATTEMPTS_PER_ADDRESS": "1000000 per minute",
    "POOL_SIZE": str(POOL_SIZE),
    "DATABASE_POOL_SIZE": str(POOL_SIZE),
    "DATABASE_MAX_OVERFLOW": "0",
}
"""The same for all; all else is as it comes."""


@dataclass(frozen=True, slots=True)
class Contestants:
    """Those who can be started here.

    Attributes:
        directory: Where they run, without an `.env`.
        before: Where the code of `COMMIT` is, from `check_out`.
    """

    directory: Path
    before: Path

    def launch(self, peer: Peer, url: str, *, name: str = "") -> Launch:
        """How one is started.

        Args:
            peer: Which.
            url: Its database.
            name: Its name in results, where that is another.
        """
        return Launch(
            peer=replace(peer, name=name or peer.name),
            command=_UVICORN if peer is BY_HAND else [*_TODO, "serve"],
            environment=self.environment(peer, url),
            path="/health",
            directory=self.directory,
        )

    async def migrate(self, peer: Peer, url: str) -> None:
        """Make its tables, as its own migrations have them.

        Raises:
            ChildProcessError: It cannot; what it said is in the message.
        """
        process = await asyncio.create_subprocess_exec(
            *(*_TODO, "migrate"),
            cwd=self.directory,
            env=dict(self.environment(peer, url)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise ChildProcessError(f"{peer.title} cannot migrate: {said.decode()}")

    def environment(self, peer: Peer, url: str) -> Mapping[str, str]:
        """The variables of one.

        Args:
            peer: Which.
            url: Its database.
        """
        code = self.before if peer is BEFORE else ROOT
        places = [ROOT, code / "src", code / "todo" / "src"]
        if peer is BEFORE:
            places = [*places[1:], _place_of(peer.package)]
        return {
            **_SETTINGS,
            "DATABASE_URL": url,
            "PYTHONPATH": ":".join(map(str, places)),
        }


def check_out(into: Path) -> None:
    """Put the code of `COMMIT` into a folder, from this repository's own history."""
    ask = ["git", "archive", COMMIT, "src", "todo"]
    archive = subprocess.check_output(ask, cwd=ROOT)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(into, filter="data")


def missing(peer: Peer) -> str:
    """Why one cannot be measured here; empty where it can."""
    if peer is not BEFORE:
        return peer.missing
    ask = ["git", "cat-file", "-e", f"{COMMIT}^{{commit}}"]
    has_commit = subprocess.run(ask, cwd=ROOT, check=False, capture_output=True).returncode == 0
    return peer.missing if has_commit else "the history of this repository does not reach back"


def _place_of(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None  # noqa: S101 - `missing` says so before
    assert spec.origin is not None  # noqa: S101 - a package with a file
    return Path(spec.origin).parents[1]
