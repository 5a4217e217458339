"""The replicas of a Patroni cluster, by the REST API of its members.

``GET /cluster`` gives the same of every member, with the fields that are read here, since Patroni
2.1. It is asked by HTTP/1.0, as which Patroni responds; so the response ends with the connection.
All that arrives is taken for hostile: the time, the bytes and the members are limited.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

from wellhead.errors import URLError
from wellhead.url.hosts import Host
from wellhead.url.rest_api import PatroniURL

PATIENCE = 3.0
"""Seconds for a whole response."""

LARGEST = 1 << 20
"""Bytes of the largest response that is read."""

MOST = 100
"""Members of the largest cluster."""

_LONGEST_HEAD = 1 << 14
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f:.]{2,45}", re.ASCII)
_HIGHEST_PORT = 65535

_LEADS = frozenset({"leader", "master", "primary"})
_SERVES = frozenset({"running", "streaming", "in archive recovery"})
"""States in which a standby takes connections; before Patroni 3.1 every such one is ``running``."""


class PatroniError(Exception):
    """Patroni did not say which members there are; the message holds nothing of its response."""


class Patroni:
    """The members of one cluster; asks its addresses by turns, the one that responded last first.

    Args:
        urls: Where its REST API is: that of one member or of several, or of a proxy.
    """

    def __init__(self, urls: Sequence[PatroniURL]) -> None:
        self._urls = list(urls)

    async def replicas(self) -> tuple[Host, ...]:
        """Where the replicas are that take connections, in the order of their names.

        Those with the tag ``noloadbalance`` are left out, as by Patroni's own health check.

        Raises:
            PatroniError: No address gave a response that can be used.
        """
        failures = []
        for url in tuple(self._urls):
            try:
                found = replicas_in(await _ask(url))
            except PatroniError as error:
                failures.append(f"{url}: {error}")
            else:
                self._urls.remove(url)
                self._urls.insert(0, url)
                return found
        raise PatroniError("; ".join(failures))


def replicas_in(body: bytes) -> tuple[Host, ...]:
    """Where the replicas are, by a response to ``GET /cluster``.

    Raises:
        PatroniError: It is none.
    """
    try:
        found = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise PatroniError("the response is not JSON") from None
    members = found.get("members") if isinstance(found, dict) else None
    if not isinstance(members, list) or not members:
        raise PatroniError("the response names no members")
    if len(members) > MOST:
        raise PatroniError(f"the response names {len(members)} members; at most {MOST} are read")
    hosts = [_host_of(each, number) for number, each in enumerate(members, 1)]
    return tuple(dict.fromkeys(host for host in hosts if host is not None))


def _host_of(member: Any, number: int) -> Host | None:
    """Where a member is; None if it is no replica, or takes no connections."""
    if not isinstance(member, dict):
        raise PatroniError(f"member {number} is not an object")
    role, state, tags = member.get("role"), member.get("state"), member.get("tags")
    if not isinstance(role, str) or not isinstance(state, str):
        raise PatroniError(f"member {number} has no role or no state")
    if role in _LEADS or state not in _SERVES or "host" not in member:
        return None
    if isinstance(tags, dict) and tags.get("noloadbalance"):
        return None
    host, port = member["host"], member.get("port", 5432)
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        raise PatroniError(f"member {number} has a host that is none")
    if type(port) is not int or not 1 <= port <= _HIGHEST_PORT:
        raise PatroniError(f"member {number} has a port that is none")
    return Host(host, port)


async def _ask(url: PatroniURL) -> bytes:
    """The body of the response to ``GET /cluster``."""
    try:
        async with asyncio.timeout(PATIENCE):
            context = await asyncio.to_thread(url.context) if url.is_encrypted else None
            reader, writer = await asyncio.open_connection(
                url.host, url.port, ssl=context, limit=_LONGEST_HEAD
            )
            try:
                writer.write(_request(url))
                return await _body(reader)
            finally:
                # A clean end would have to be waited for.
                writer.transport.abort()
    except TimeoutError:
        raise PatroniError(f"no whole response within {PATIENCE:g} s") from None
    except asyncio.IncompleteReadError:
        raise PatroniError("the response ended too early") from None
    except asyncio.LimitOverrunError:
        raise PatroniError(f"the response's head has more than {_LONGEST_HEAD} bytes") from None
    except URLError as error:
        raise PatroniError(str(error.args[0])) from None
    except (OSError, UnicodeError) as error:
        # Of TLS or of the host's name as well; its words may be the server's.
        raise PatroniError(f"no connection ({type(error).__name__})") from None


def _request(url: PatroniURL) -> bytes:
    host = f"[{url.host}]" if ":" in url.host else url.host
    lines = [f"GET {url.path}/cluster HTTP/1.0", f"Host: {host}:{url.port}"]
    lines += ["Accept: application/json", "Connection: close", "User-Agent: wellhead"]
    if url.authorization is not None:
        lines.append(f"Authorization: {url.authorization}")
    return "\r\n".join([*lines, "", ""]).encode()


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    status = _STATUS.match(head)
    if status is None:
        raise PatroniError("the response is not HTTP")
    if status[1] != b"200":
        raise PatroniError(f"the response has the status {status[1].decode()}")
    length = _LENGTH.search(head)
    if length is not None:
        if int(length[1]) > LARGEST:
            raise PatroniError(f"the response has more than {LARGEST} bytes")
        return await reader.readexactly(int(length[1]))
    body = bytearray()
    while chunk := await reader.read(_LONGEST_HEAD):
        body += chunk
        if len(body) > LARGEST:
            raise PatroniError(f"the response has more than {LARGEST} bytes")
    return bytes(body)
