"""Faults of the server itself."""

import asyncio
import signal
from contextlib import suppress

import asyncpg

from bench.faults.console import DATABASE
from bench.faults.fault import Fault
from bench.faults.occupier import Occupier
from bench.faults.stage import Setting, Stage
from bench.faults.wal_device import limit_files
from tests.staging.patience import until
from wellhead.embedded.account import server_account

_HALF_A_SEGMENT = str(8 * 1024 * 1024)


class Killed(Fault):
    """Every process of the server dies by ``kill -9``; it is started again."""

    name = "`kill -9` of PostgreSQL"

    async def inject(self, stage: Stage) -> None:
        await stage.server.kill()
        self.happened += 1

    async def heal(self, stage: Stage) -> None:
        await stage.server.start()


class ShutDownAtOnce(Fault):
    """An immediate shutdown, which drops all sessions; it is started again."""

    name = "Immediate shutdown"

    async def inject(self, stage: Stage) -> None:
        await stage.server.stop(signal.SIGQUIT)
        self.happened += 1

    async def heal(self, stage: Stage) -> None:
        await stage.server.start()


class Restarted(Fault):
    """A fast shutdown, as for an update, and a start."""

    name = "Restart"
    hold = (0.0, 0.2)

    async def inject(self, stage: Stage) -> None:
        await stage.server.stop(signal.SIGINT)
        self.happened += 1

    async def heal(self, stage: Stage) -> None:
        await stage.server.start()


class Terminated(Fault):
    """Every connection is ended by the administrator, again and again."""

    name = "`pg_terminate_backend` storm"
    hold = (0.0, 0.0)

    async def inject(self, stage: Stage) -> None:
        for _ in range(10):
            self.happened += await stage.console.terminate_backends()
            await asyncio.sleep(0.2)


class TooManyConnections(Fault):
    """Others hold all the connections that the server has."""

    name = "Too many connections at PostgreSQL"
    hold = (1.5, 2.5)

    async def inject(self, stage: Stage) -> None:
        before = self._refusals(stage)
        self._occupier = Occupier(stage.server.url())
        await self._occupier.fill()
        # They take each one that becomes free, too.
        for _ in range(5):
            await stage.console.terminate_backends()
            await asyncio.sleep(0.1)
        self.happened += self._refusals(stage) - before

    async def heal(self, stage: Stage) -> None:
        del stage
        await self._occupier.leave()

    def _refusals(self, stage: Stage) -> int:
        words = ("too many clients already", "remaining connection slots are reserved")
        return sum(stage.server.log_count(each) for each in words)


class PasswordRotated(Fault):
    """The role gets another password; the applications learn it by a restart.

    Connections in place go on. New ones are refused, until the application has read the new
    secret, which it does when it starts.
    """

    name = "Password rotated"
    hold = (1.0, 2.0)

    async def inject(self, stage: Stage) -> None:
        before = stage.server.log_count("password authentication failed")
        await stage.server.rotate()
        await asyncio.sleep(0.5)
        for way in stage.ways:
            await way.proxy.cut()
        await asyncio.sleep(0.5)
        self.happened += stage.server.log_count("password authentication failed") - before

    async def heal(self, stage: Stage) -> None:
        for way in stage.ways:
            await stage.restart(way)


class SchemaChanged(Fault):
    """Columns are added and change their types while they are written and read."""

    name = "Schema changed"
    hold = (0.0, 0.0)

    _CHANGES = (
        "ADD COLUMN more integer DEFAULT 1",
        "ALTER COLUMN priority TYPE integer",
        "ALTER COLUMN priority TYPE bigint",
        "DROP COLUMN more",
        "ALTER COLUMN priority TYPE smallint",
    )

    async def inject(self, stage: Stage) -> None:
        for change in self._CHANGES:
            for way in stage.ways:
                table = way.app.kind.table
                await stage.console.ask(f"ALTER TABLE {table} {change}", database=DATABASE)
                self.happened += 1
            await asyncio.sleep(0.3)


class DiskFull(Fault):
    """The device of the write-ahead log has no byte left; the server panics, and comes back.

    Where a file system may be mounted it is a small tmpfs. Elsewhere the server's processes may
    not make any file grow (``RLIMIT_FSIZE``), which ends in the same panic.
    """

    name = "Disk full under the write-ahead log"
    setting = Setting.DISK

    async def inject(self, stage: Stage) -> None:
        before = stage.server.log_count("PANIC")
        device = stage.server.wal_device
        if device is not None:
            device.fill()
        else:
            self._limit(stage, _HALF_A_SEGMENT)

        async def panicked() -> bool:
            # It breaks down under this very question.
            with suppress(asyncpg.PostgresError, OSError):
                await stage.console.ask("SELECT pg_switch_wal()")
            return stage.server.log_count("PANIC") > before

        await until(panicked)
        self.happened += stage.server.log_count("PANIC") - before

    async def heal(self, stage: Stage) -> None:
        if stage.server.wal_device is not None:
            stage.server.wal_device.free()
        else:
            self._limit(stage, "unlimited")
        await stage.server.start()

    def _limit(self, stage: Stage, size: str) -> None:
        account = server_account(stage.server.postgres.data_dir)
        limit_files(account, stage.server.processes(), size)
