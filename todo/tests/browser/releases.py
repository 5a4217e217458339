"""The client's files alone, in a version that a test releases, behind a network that may die."""

import math
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response

from todo.web import client

FOLDER = client.FOLDER

UNTIL_STORED = """async (version) => {
  const registration = await navigator.serviceWorker.ready;
  for (;;) {
    const { active, installing, waiting } = registration;
    const [name, ...others] = await caches.keys();
    const isAlone = name?.endsWith(version) && others.length === 0;
    if (isAlone && active.state === "activated" && !installing && !waiting) return;
    await new Promise((next) => setTimeout(next, 20));
  }
}"""
"""Waits until the service worker has stored this version."""


def forget() -> None:
    """Let the files be read again, as a restart does."""
    for read in (client.files, client.version, client.contents):
        read.cache_clear()


class Releases:
    """Serves the client without any API behind it: a visitor comes as far as the login.

    Args:
        folder: Where the files may be written.

    Attributes:
        app: The application.
        left: So many requests are responded to until the network dies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.left = math.inf
        self.app = FastAPI()
        self.app.get("/")(self._index)
        self.app.middleware("http")(self._pass)
        client.install_client(self.app)

    def release(self, version: str) -> None:
        """Replace the files by those of a version; each module says that it ran."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(FOLDER, self._folder)
        for path in self._folder.rglob("*.js"):
            if path.name != "service-worker.js":
                with path.open("a") as module:
                    module.write(f"\n;(globalThis.ran ??= new Set()).add('{version}');\n")
        forget()

    async def _index(self, request: Request) -> Response:
        return client.file_response(request, client.INDEX)

    async def _pass(
        self, request: Request, go_on: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if self.left <= 0:
            return Response(status_code=503)
        self.left -= 1
        return await go_on(request)
