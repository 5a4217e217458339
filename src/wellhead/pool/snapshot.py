"""From a working pool to its figures."""

from typing import Any

from wellhead.pool.core import Core
from wellhead.pool.stats import PoolStats


def snapshot(core: Core[Any], *, reason: str) -> PoolStats:
    """Read the figures of a pool."""
    policy, tally = core.policy, core.tally
    idle, active, held = core.idle, core.active, core.held
    return PoolStats(
        mode="pool",
        reason=reason,
        pool_size=policy.pool_size,
        max_overflow=policy.max_overflow if policy.max_overflow >= 0 else None,
        checked_in=idle,
        checked_out=active,
        overflow=max(0, idle + active - policy.pool_size) if policy.pool_size else 0,
        waiting=core.waiting,
        opening=core.opening,
        closing=core.closing,
        max_waiting=policy.max_waiting,
        is_full=core.is_full,
        acquired=tally.acquired(held),
        timeouts=tally.timeouts,
        saturated=tally.saturated,
        opened=tally.opened,
        failed_connects=tally.failed_connects,
        closed=tally.closed_by_reason(),
        wait=tally.wait(held),
        hold=tally.hold.read(),
        connect=tally.connect.read(),
        routes=tally.held_by_route(),
    )
