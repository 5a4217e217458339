"""The figures of units of work."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from wellhead import Fault
from wellhead.sessions.run_stats import RunCounter


def test_a_snapshot_stays_as_it_is() -> None:
    counter = RunCounter()
    counter.units += 1
    counter.count_retry(Fault.DEADLOCK)
    before = counter.snapshot()
    counter.units += 1
    counter.count_retry(Fault.DEADLOCK)

    assert (before.units, before.retried) == (1, {Fault.DEADLOCK: 1})
    anything: Any = before
    with pytest.raises(FrozenInstanceError):
        anything.units = 3
    with pytest.raises(TypeError):
        anything.retried[Fault.DEADLOCK] = 3


def test_each_outcome_has_its_figure() -> None:
    counter = RunCounter()
    for _ in range(4):
        counter.count_unknown()
    counter.count_repeated_read(Fault.STALE_PLAN)
    stats = counter.snapshot()

    assert stats.unknown == 4
    assert stats.reads_repeated == {Fault.STALE_PLAN: 1}
