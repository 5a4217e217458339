"""The budget of connections: one computation for the start, the doctor and `pool-size`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead import ConfigurationError
from wellhead.connecting.budget import Budget


def test_the_servers_connections_are_shared_out() -> None:
    size = Budget(processes=12, per_process=30, limit=100, reserved=4).largest_pool()

    assert (size.pool_size, size.max_overflow, size.per_process) == (6, 2, 8)


def test_too_many_processes_are_refused_with_the_numbers() -> None:
    budget = Budget(processes=200, per_process=1, limit=100, reserved=3)
    with pytest.raises(ConfigurationError, match="200 processes do not fit 97 connections"):
        budget.largest_pool()


def test_a_budget_says_its_sum_and_its_excess() -> None:
    fits = Budget(processes=1, per_process=30, limit=100, reserved=3)
    server = Budget(processes=8, per_process=30, limit=100, reserved=3)
    given = Budget(processes=8, per_process=30, limit=200, is_given=True)

    assert (str(fits), fits.excess) == ("1 process x 30 connections = 30 of 97", None)
    assert str(server.excess).endswith(
        "the server has 97 for them (max_connections 100, 3 reserved)."
    )
    assert str(given.excess).endswith("(30 each), but the budget is 200.")


@given(st.integers(1, 5000), st.integers(1, 800), st.integers(0, 20))
def test_what_is_computed_fits_and_one_more_would_not(
    limit: int, processes: int, reserved: int
) -> None:
    def budget(per_process: int) -> Budget:
        return Budget(processes=processes, per_process=per_process, limit=limit, reserved=reserved)

    try:
        size = budget(1).largest_pool()
    except ConfigurationError:
        assert limit - reserved < processes
        return

    assert size.pool_size + size.max_overflow == size.per_process >= size.pool_size >= 1
    assert budget(size.per_process).excess is None
    assert budget(size.per_process + 1).excess is not None
