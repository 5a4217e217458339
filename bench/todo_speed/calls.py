"""The Python functions that a request calls, counted in a process that serves nobody.

It reads whole HTTP requests by operation from its input, sends them to an application of its own,
and writes how many functions one of each calls, all as JSON.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle, islice

import uvloop
from fastapi import FastAPI
from uvicorn.importer import import_from_string

from bench.speed.calls import calls_of
from bench.speed.peer import Peer
from bench.todo_speed.contestants import Contestants
from tests.staging.in_process import ask

TURNS = 20
"""Requests that make everything warm, and then as many that count."""

_SUCCESS = range(200, 300)


async def count(
    contestants: Contestants, peer: Peer, url: str, asked: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """The calls of one request of each operation.

    Args:
        contestants: Know the settings of each.
        peer: Whose application.
        url: Its database.
        asked: Requests by operation.

    Raises:
        ChildProcessError: It failed; what it said is in the message.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, peer.app),
        cwd=contestants.directory,
        env=dict(contestants.environment(peer, url)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, said = await process.communicate(json.dumps({**asked}).encode())
    if process.returncode:
        raise ChildProcessError(f"The calls of {peer.title} were not counted: {said.decode()}")
    found: dict[str, int] = json.loads(out.splitlines()[-1])
    return found


async def counted(app: FastAPI, asked: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The calls of one request of each operation to an application that is not open yet."""
    found = {}
    async with app.router.lifespan_context(app):
        for operation, messages in asked.items():
            steps = [partial(_send, app, each) for each in islice(cycle(messages), 2 * TURNS)]
            await calls_of(steps[:TURNS])
            found[operation] = round(await calls_of(steps[TURNS:]) / TURNS)
    return found


async def _send(app: FastAPI, message: str) -> None:
    head, _, body = message.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    status = await ask(
        app,
        path,
        body.encode(),
        method=method,
        query=query.encode(),
        headers=[
            (name.lower().encode(), value.encode())
            for name, value in (line.split(": ", 1) for line in lines)
        ],
    )
    if status not in _SUCCESS:
        raise ValueError(f"{first}: {status}")


def main() -> None:
    """Count for the application whose factory is named."""
    create_app = import_from_string(sys.argv[1])
    print(json.dumps(uvloop.run(counted(create_app(), json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
