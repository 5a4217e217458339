"""A service that shows figures as the live page does, and can be told what to respond."""

import json
import ssl
from collections.abc import Mapping
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

FIGURES: Mapping[str, Any] = {
    "version": 1,
    "at": "2026-11-30T19:10:00.000Z",
    "mode": "development",
    "plans": True,
    "every": 0.5,
    "processes": {"expected": 2, "answered": 2, "how": "2 workers of this machine"},
    "databases": [
        {
            "name": "default",
            "pool": {
                "mode": "pool",
                "active": 3,
                "idle": 2,
                "opening": 1,
                "waiting": 4,
                "limit": 15,
                "acquired": 1234,
                "timeouts": 0,
                "saturated": 0,
            },
            "wait": {"p50": 0.0001, "p99": 0.02},
            "hold": {"p50": 0.003, "p99": None},
            "holders": [
                {
                    "process": 4711,
                    "what": "GET /api/{user_id}/tasks",
                    "seconds": 12.5,
                    "line": "app/tasks.py:42 in list_tasks",
                }
            ],
            "statements": [
                {
                    "id": "a1b2",
                    "shape": "SELECT task.id FROM task WHERE task.id = $1",
                    "count": 10,
                    "seconds": 1.2,
                    "mean": 0.12,
                    "slowest": 0.4,
                }
            ],
            "errors": {"unreachable": 3},
            "retries": 2,
            "unknown_outcomes": 0,
            "readiness": {"is_ready": True, "state": "up", "detail": None, "age": 2.1},
            "migrations": {"current": ["0010"], "head": ["0010"], "is_current": True},
        }
    ],
}
"""What two workers with one database show."""


def figures() -> dict[str, Any]:
    """A copy of the figures, to change."""
    return deepcopy(dict(FIGURES))


class StagedPage:
    """An HTTP server with a live page at ``/db``.

    Args:
        token: What it asks for, or None.
        port: The port, or 0 for any free one.
        context: What it encrypts with, or None.

    Attributes:
        url: The service's URL.
        status: The status of its responses; 200 shows the figures.
        body: What it sends in place of the figures, or None.
        headers: Further headers of its responses.
        figures: What it shows.
        asked: The path and the headers of each request.
    """

    def __init__(
        self, *, token: str | None = None, port: int = 0, context: ssl.SSLContext | None = None
    ) -> None:
        self.status = 200
        self.body: bytes | None = None
        self.headers: dict[str, str] = {}
        self.figures = figures()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._token = token
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.port: int = self._server.server_address[1]
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.asked.append((self.path, dict(self.headers)))
                status, body = page.response_to(self.path, self.headers.get("Authorization"))
                self.send_response(status)
                for name, value in {**page.headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

    def response_to(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        """The status and the body of a response."""
        if not path.endswith("/db/figures"):
            return 404, b"{}"
        if self._token is not None and authorization != f"Bearer {self._token}":
            return 401, b"{}"
        body = json.dumps(self.figures).encode() if self.body is None else self.body
        return self.status, body
