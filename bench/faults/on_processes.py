"""Faults of whole processes: a worker of the application, the primary of a pair."""

from bench.faults.fault import Fault
from bench.faults.stage import Setting, Stage


class WorkerKilled(Fault):
    """One of two workers of the application dies by ``kill -9``."""

    name = "Worker process killed"
    setting = Setting.WORKERS
    hold = (0.0, 0.5)

    async def inject(self, stage: Stage) -> None:
        for way in stage.ways:
            await way.app.kill_worker(stage.rng)
            self.happened += 1


class FailedOver(Fault):
    """The primary dies by ``kill -9``, and its standby is promoted; the URL names both."""

    name = "Failover to a promoted standby"
    setting = Setting.PAIR
    most_rounds = 1

    async def inject(self, stage: Stage) -> None:
        await stage.server.kill()
        self.happened += 1

    async def heal(self, stage: Stage) -> None:
        assert stage.pair is not None
        await stage.pair.promote()
