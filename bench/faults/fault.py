"""What a fault is to the suite."""

from abc import ABC, abstractmethod
from typing import ClassVar

from bench.faults.stage import Setting, Stage


class Fault(ABC):
    """Something that goes wrong between clients and their data, and comes to an end.

    Attributes:
        name: How reports call it.
        setting: The stage that it needs.
        hold: Between how many seconds it lasts, from the end of `inject` to the start of `heal`.
        most_rounds: How often it can happen on one stage.
        happened: How often it took effect; none means that the scenario has shown nothing.
    """

    name: ClassVar[str]
    setting: ClassVar[Setting] = Setting.DIRECT
    most_rounds: ClassVar[int] = 100
    hold: ClassVar[tuple[float, float]] = (0.5, 1.5)

    def __init__(self) -> None:
        self.happened = 0

    @abstractmethod
    async def inject(self, stage: Stage) -> None:
        """Let it begin; returns when it is in full effect, or over."""

    async def heal(self, stage: Stage) -> None:
        """End it; returns when only its consequences are left."""
        del stage
