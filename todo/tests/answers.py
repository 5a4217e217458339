"""Counts what an application answered, by operation, and compares it with its document."""

from collections import Counter

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNROUTED = "no operation"


class Answers:
    """The statuses that an application has answered since this was made.

    Args:
        app: The application, not yet started; its document says which statuses are expected.
    """

    def __init__(self, app: FastAPI) -> None:
        self.documented = {
            f"{method.upper()} {path}": {int(status) for status in operation["responses"]}
            for path, operations in app.openapi()["paths"].items()
            for method, operation in operations.items()
        }
        self.counted: Counter[tuple[str, int]] = Counter()
        app.add_middleware(_Counting, answers=self)

    def note(self, scope: Scope, status: int) -> None:
        """Count one answer."""
        route = scope.get("route")
        operation = f"{scope['method']} {route.path_format}" if route is not None else UNROUTED
        self.counted[operation if operation in self.documented else UNROUTED, status] += 1

    @property
    def total(self) -> int:
        """How many requests were answered."""
        return self.counted.total()

    def server_errors(self) -> dict[tuple[str, int], int]:
        """How often which operation has failed."""
        return {key: count for key, count in self.counted.items() if key[1] >= 500}

    def undocumented(self) -> dict[tuple[str, int], int]:
        """Answers to operations with a status that the document does not know."""
        return {
            (operation, status): count
            for (operation, status), count in self.counted.items()
            if operation != UNROUTED and status not in self.documented[operation]
        }

    def elsewhere(self) -> set[int]:
        """The statuses of requests that led to no operation of the document."""
        return {status for operation, status in self.counted if operation == UNROUTED}

    def never_succeeded(self) -> set[str]:
        """The operations that have not answered a single request with success."""
        succeeded = {operation for operation, status in self.counted if 200 <= status < 300}
        return set(self.documented) - succeeded

    def __str__(self) -> str:
        lines = [f"{self.total} requests"]
        for operation in [*self.documented, UNROUTED]:
            statuses = sorted(status for name, status in self.counted if name == operation)
            counts = "  ".join(
                f"{status}: {self.counted[operation, status]}" for status in statuses
            )
            lines.append(f"  {operation:<50} {counts}")
        return "\n".join(lines)


class _Counting:
    def __init__(self, app: ASGIApp, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers.note(scope, message["status"])
            await send(message)

        await self._app(scope, receive, send_noted)
