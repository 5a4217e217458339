"""Bytes on a socket: requests that no client library would send."""

import asyncio
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from staged import StagedAccount

PROBLEM = "application/problem+json"
JSON = b"Content-Type: application/json"
FORM = b"Content-Type: application/x-www-form-urlencoded"
MULTIPART = b"Content-Type: multipart/form-data; boundary=x"
CHUNKED = b"Transfer-Encoding: chunked"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back; status 0 stands for a connection that was closed without a word."""

    status: int
    kind: str
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an answer, past an interim one (RFC 9110, section 15.2)."""
        head, _, body = data.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100"):
            return cls.parse(body)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1]) if data else 0
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        return cls(status, headers.get("content-type", "").partition(";")[0], body)

    @property
    def is_refusal(self) -> bool:
        """Whether the application has said that the client is wrong, as a problem."""
        return 400 <= self.status < 500 and self.kind == PROBLEM


@dataclass(frozen=True, slots=True)
class Wire:
    """Connections to a server, in the name of an account.

    Attributes:
        base_url: Where the server is.
        account: Whose token `request` sends.
        task: The path of a task of this account.
        tag: The path of a tag of this account.
    """

    base_url: str
    account: StagedAccount
    task: str
    tag: str

    @property
    def tasks(self) -> str:
        """The path of the account's tasks."""
        return f"/api/{self.account.id}/tasks"

    @property
    def tags(self) -> str:
        """The path of the account's tags."""
        return f"/api/{self.account.id}/tags"

    def request(
        self, method: str, target: str | bytes, *headers: bytes, body: bytes | None = None
    ) -> bytes:
        """The bytes of a request that is well framed, whatever else it is."""
        target = target.encode() if isinstance(target, str) else target
        lines = [b"%s %s HTTP/1.1" % (method.encode(), target), b"Connection: close", *headers]
        given = b"\n".join(headers).lower()
        if b"host:" not in given:
            lines.append(b"Host: todo.test")
        if b"authorization:" not in given:
            lines.append(b"Authorization: Bearer " + self.account.access_token.encode())
        if body is not None and b"content-length:" not in given and b"transfer-" not in given:
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")

    async def send(self, data: bytes, *, hang_up: bool = False) -> RawAnswer:
        """Send bytes over a connection of their own and read until the server closes it.

        Args:
            data: What to send.
            hang_up: Whether to say after it that nothing more will come.
        """
        return await asyncio.to_thread(self._send, data, hang_up)

    def _send(self, data: bytes, hang_up: bool) -> RawAnswer:
        address = urlsplit(self.base_url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            sender = threading.Thread(target=_send_all, args=(connection, data, hang_up))
            sender.start()
            received = _receive_all(connection)
            sender.join()
        return RawAnswer.parse(received)


async def answers_to(wire: Wire, requests: Mapping[str, bytes]) -> dict[str, RawAnswer]:
    """Send one request after the other, each on a connection of its own."""
    return {name: await wire.send(request) for name, request in requests.items()}


def assert_refused(answers: Mapping[str, RawAnswer], *statuses: int) -> None:
    """Each was refused by the application, with one of these statuses where some are given."""
    wrong = {
        name: answer
        for name, answer in answers.items()
        if not answer.is_refusal or (statuses and answer.status not in statuses)
    }
    assert answers
    assert not wrong, wrong


async def statuses_of(wire: Wire, requests: Mapping[str, bytes]) -> dict[str, int]:
    """Send one request after the other and note the statuses of the answers."""
    return {name: answer.status for name, answer in (await answers_to(wire, requests)).items()}


def _send_all(connection: socket.socket, data: bytes, hang_up: bool) -> None:
    # The server may answer and close before it has read everything.
    with suppress(OSError):
        connection.sendall(data)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)


def _receive_all(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while chunk := connection.recv(65536):
            received += chunk
    return received
