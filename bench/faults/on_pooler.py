"""Faults of the PgBouncer in front of the server."""

import asyncio

from bench.faults.fault import Fault
from bench.faults.occupier import Occupier
from bench.faults.stage import Setting, Stage


class PoolerRestarted(Fault):
    """PgBouncer ends with all connections through it, and is started again."""

    name = "PgBouncer restart"
    setting = Setting.POOLED

    async def inject(self, stage: Stage) -> None:
        assert stage.pooler is not None
        await asyncio.to_thread(stage.pooler.kill)
        self.happened += 1

    async def heal(self, stage: Stage) -> None:
        assert stage.pooler is not None
        await asyncio.to_thread(stage.pooler.start)


class PoolerFull(Fault):
    """Others hold all the connections that PgBouncer takes (``max_client_conn``)."""

    name = "PgBouncer's `max_client_conn` reached"
    setting = Setting.POOLED
    hold = (1.5, 2.5)

    async def inject(self, stage: Stage) -> None:
        assert stage.pooler is not None
        self._occupier = Occupier(stage.pooler.url(stage.server.url()))
        await self._occupier.fill()
        # They take each one that becomes free, too.
        for _ in range(3):
            for way in stage.ways:
                await way.proxy.reset_connections()
            await asyncio.sleep(0.1)
        self.happened += self._occupier.refusals

    async def heal(self, stage: Stage) -> None:
        del stage
        await self._occupier.leave()
