"""`todo serve --reload`: every change of the code is served, and the end is clean."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from commands import SECONDS, Served, serving

import todo
from tests.staging.patience import until

pytestmark = [pytest.mark.slow, pytest.mark.wellhead(commit=True)]


class Code:
    """A copy of the application that may be changed, and the server that reloads it."""

    def __init__(self, place: Path, served: Served) -> None:
        self.place = place
        self.served = served

    def change(self, file: str, text: str) -> None:
        """Write a file until the server has noticed; it begins to watch after it began to serve."""
        before = self.served.log().count("Reloading...")
        while self.served.log().count("Reloading...") == before:
            (self.place / file).write_text(text)
            time.sleep(1)

    async def served_version(self, version: str) -> None:
        """Wait until the server responds with this version."""
        async with httpx2.AsyncClient(timeout=SECONDS, verify=False) as client:
            while await self._version(client) != version:
                pass

    async def _version(self, client: httpx2.AsyncClient) -> str | None:
        headers = {"Connection": "close"}
        answer = await client.get(f"{self.served.address}/health", headers=headers)
        version: str = answer.json()["version"]
        return version


@pytest.fixture
def code(tmp_path: Path, wellhead_url: str) -> Iterator[Code]:
    place = tmp_path / "todo"
    shutil.copytree(Path(todo.__file__).parent, place, ignore=shutil.ignore_patterns("*.pyc"))
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with serving("--reload", DATABASE_URL=wellhead_url, PYTHONPATH=path) as served:
        yield Code(place, served)


def release(version: str) -> str:
    return (Path(todo.__file__)).read_text().replace(todo.__version__, version)


async def test_each_change_is_served_also_after_one_that_does_not_run(code: Code) -> None:
    await code.served_version(todo.__version__)
    for version in ("0.0.1", "0.0.2"):
        code.change("__init__.py", release(version))
        await code.served_version(version)
    whole = (code.place / "main.py").read_text()
    code.change("main.py", "def unfinished(:\n")
    await until(lambda: "SyntaxError" in code.served.log())
    (code.place / "__init__.py").write_text(release("0.0.3"))
    code.change("main.py", whole)
    await code.served_version("0.0.3")

    returncode, log = code.served.stop()

    assert returncode == 0
    assert log.count("Traceback") == 1
    await until(lambda: not is_group_alive(code.served.process.pid))


def is_group_alive(group: int) -> bool:
    """Whether any process is left of those that the command started."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
