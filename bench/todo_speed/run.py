"""One run from its beginning to its end: what there is for it, and which parts are played."""

import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from bench.speed import machine
from bench.speed.item import POOL_SIZE
from bench.speed.job import Load
from bench.speed.play import Length
from bench.speed.result import conditions
from bench.todo_speed.contestants import (
    BEFORE,
    COMMIT,
    CONTESTANTS,
    Contestants,
    check_out,
    missing,
)
from bench.todo_speed.databases import TodoDatabases
from bench.todo_speed.rest import play_rest
from bench.todo_speed.result import PARTS, SIZES, TodoResult
from bench.todo_speed.stage import Stage
from wellhead.embedded import EmbeddedPostgres

_OPTIONS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        length: How long each part is.
        say: Hears how far it is.
        parts: Names from `PARTS`.
        sizes: Tasks of all users together, from small to large; the first is the base point's.
        quick: Whether dirty slots count, too, as this is only a trial.
        cores: Those of the server, and those of everything else.
    """

    length: Length
    say: Say
    parts: Sequence[str] = tuple(PARTS)
    sizes: Sequence[int] = SIZES
    quick: bool = False
    cores: tuple[set[int], set[int]] = field(default_factory=machine.cores)

    def begin(self) -> TodoResult:
        """A result without figures."""
        left_out = {peer.title: missing(peer) for peer in CONTESTANTS if missing(peer)}
        planned = [
            [PARTS[part].name, operation]
            for part in self.parts
            if part == "base"
            for operation in PARTS[part].operations
        ]
        return TodoResult(
            conditions=conditions(
                cores=os.cpu_count(),
                quick=self.quick,
                parts=list(self.parts),
                sizes=list(self.sizes),
                planned=planned,
                pool_size=POOL_SIZE,
                rounds=self.length.rounds,
                seconds=self.length.seconds,
                before=COMMIT,
            ),
            peers={peer.name: peer.title for peer in CONTESTANTS if peer.title not in left_out},
            left_out=left_out,
        )

    async def play(self, result: TodoResult, directory: Path) -> None:
        """Put all figures into the result, as they come.

        Args:
            result: From `begin`.
            directory: Where everything is to be; every account must be able to enter it.
        """
        before = directory / "before"
        if BEFORE.name in result.peers:
            check_out(before)
        contestants = Contestants(directory, before)
        async with AsyncExitStack() as stack:
            postgres = stack.enter_context(
                EmbeddedPostgres(directory / "postgres", durable=False, options=_OPTIONS)
            )
            result.conditions["postgres"] = postgres.version
            admin = await asyncpg.connect(postgres.url)
            stack.push_async_callback(admin.close)
            # The server has been reparented.
            pid = await admin.fetchval("SELECT pg_backend_pid()")
            ours = [os.getpid(), machine.Moment.now().processes[pid].parent]
            load = stack.enter_context(Load.started())
            databases = TodoDatabases(postgres.url, admin, contestants, self.say)
            stage = Stage(
                *(self.length, self.parts, self.sizes, self.cores, self.say, result),
                *(contestants, databases, postgres, admin, load, ours),
            )
            await stage.prepare()
            if {"base", "logins", "link"} & set(self.parts):
                await stage.play_contestants()
            if "rest" in self.parts:
                await play_rest(stage)
            if "flat" in self.parts:
                await stage.play_sizes()
