"""A staged Patroni: it says what it is told to say of a cluster."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any

from wellhead.embedded.ports import ADDRESS
from wellhead.testing.proxy import TCPProxy

HEAD = b"HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6\r\nContent-Type: application/json\r\n"


def member(name: str, role: str, state: str, **more: object) -> dict[str, Any]:
    """A member, as every version of Patroni names it."""
    return {
        "name": name, "role": role, "state": state, "api_url": f"http://{name}:8008/patroni",
        "host": name, "port": 5432, **more,
    }  # fmt: skip


def cluster(*members: object) -> bytes:
    """The body of a response that names these members."""
    return json.dumps({"members": members, "scope": "shop"}).encode()


@asynccontextmanager
async def responding(
    *pieces: bytes, stays: bool = False, ssl: SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that sends these pieces, and its port; requests go into a list.

    Args:
        pieces: What it sends after a request.
        stays: Whether it keeps the connection open then.
        ssl: Its certificate; None for no TLS.
    """
    asked: list[bytes] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if stays:
                await done.wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, ADDRESS, ssl=ssl)
    async with server:
        yield server.sockets[0].getsockname()[1], asked
        done.set()


class StagedPatroni:
    """A Patroni whose cluster changes.

    Attributes:
        url: Where it is.
        asked: How often it was asked.
        body: What it responds; None for nothing, with the connection kept open.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.body: bytes | None = None

    def name(self, replicas: Sequence[TCPProxy]) -> None:
        """Let it name a leader, and these replicas."""
        standbys = [
            member(f"standby-{number}", "replica", "streaming")
            | {"host": each.host, "port": each.port}
            for number, each in enumerate(replicas)
        ]
        self.body = cluster(member("one", "leader", "running"), *standbys)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to one request."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            if self.body is None:
                await reader.read()
            else:
                writer.write(HEAD + b"\r\n" + self.body)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def staged_patroni() -> AsyncIterator[StagedPatroni]:
    """One that listens, and says nothing yet."""
    patroni = StagedPatroni()
    server = await asyncio.start_server(patroni.serve, ADDRESS)
    async with server:
        patroni.url = f"http://{ADDRESS}:{server.sockets[0].getsockname()[1]}"
        yield patroni
