"""What one write and one read cost, with so many processes and so many replicas."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Self

from bench.fleet.growth.load import Load
from bench.fleet.growth.stage import Measured, Stage


@dataclass(frozen=True, slots=True)
class Cell:
    """Two loads with equally many writes; what the second one took more was for its reads.

    Attributes:
        writing: The first: writes only.
        mixed: The second: reads after each write.
    """

    writing: Measured
    mixed: Measured

    @classmethod
    async def measure(cls, stage: Stage, load: Load) -> Self:
        """Put a load on a stage, without its reads and with them."""
        return cls(await stage.measure(load.without_reads()), await stage.measure(load))

    @property
    def replicas(self) -> int:
        """How many replicas were read."""
        return len(self.mixed.replicas)

    @property
    def processes(self) -> int:
        """How many processes served."""
        return self.mixed.processes

    def per_write(self, what: Callable[[Measured], float]) -> float:
        """How much of something one write takes."""
        return what(self.writing) / self.writing.load.all_writes

    def per_read(self, what: Callable[[Measured], float]) -> float:
        """How much of something one read takes, more than the writes; never less than nothing.

        What differs between the two loads besides can be more than what a read takes.
        """
        return max(0.0, what(self.mixed) - what(self.writing)) / self.mixed.load.all_reads


def primary_round_trips(measured: Measured) -> float:
    """Round trips to the primary."""
    return measured.primary.round_trips


def replica_round_trips(measured: Measured) -> float:
    """Round trips to all replicas."""
    return sum(each.round_trips for each in measured.replicas)


def positions(measured: Measured) -> float:
    """Round trips in which a server was asked how far it has got."""
    return sum(each.positions for each in (measured.primary, *measured.replicas))


def application_time(measured: Measured) -> float:
    """Milliseconds of the processor, by the application."""
    return measured.application * 1000


def primary_time(measured: Measured) -> float:
    """The same by the primary."""
    return measured.primary.seconds * 1000


def replica_time(measured: Measured) -> float:
    """The same by one replica, on average."""
    return fmean([each.seconds for each in measured.replicas] or [0.0]) * 1000


def replicas_time(measured: Measured) -> float:
    """The same by all replicas."""
    return sum(each.seconds for each in measured.replicas) * 1000


def log_bytes(measured: Measured) -> float:
    """Bytes of log that the primary wrote."""
    return measured.wal


@dataclass(frozen=True, slots=True)
class Costs:
    """What requests cost with so many replicas: medians over all numbers of processes.

    Attributes:
        application_write: Milliseconds of the processor that the application takes for a write.
        application_read: The same for a read.
        primary_write: Milliseconds that the primary takes for a write.
        primary_read: The same for a read.
        replica_write: Milliseconds that each replica takes to replay a write.
        replica_read: Milliseconds that replicas take for a read, all together.
        positions_write: Questions how far a server has got, for a write.
        positions_read: The same for a read.
        log: Bytes of log that a write takes.
    """

    application_write: float
    application_read: float
    primary_write: float
    primary_read: float
    replica_write: float
    replica_read: float
    positions_write: float
    positions_read: float
    log: float

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Self:
        """The costs in cells with the same number of replicas."""

        def write(what: Callable[[Measured], float]) -> float:
            return median(cell.per_write(what) for cell in cells)

        def read(what: Callable[[Measured], float]) -> float:
            return median(cell.per_read(what) for cell in cells)

        return cls(
            application_write=write(application_time),
            application_read=read(application_time),
            primary_write=write(primary_time),
            primary_read=read(primary_time),
            replica_write=write(replica_time),
            replica_read=read(replicas_time),
            positions_write=write(positions),
            positions_read=read(positions),
            log=write(log_bytes),
        )
