"""The largest pool that a server can bear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead import ConfigurationError
from wellhead.pool.sizing import largest_pool, overbooking


def test_the_servers_connections_are_shared_out() -> None:
    size = largest_pool(max_connections=100, replicas=3, workers=4, reserved=4)

    assert (size.pool_size, size.max_overflow, size.per_process) == (6, 2, 8)


def test_too_many_processes_are_refused_with_the_numbers() -> None:
    with pytest.raises(ConfigurationError, match="200 processes do not fit 97 connections"):
        largest_pool(max_connections=100, replicas=50, workers=4)


@given(st.integers(1, 5000), st.integers(1, 50), st.integers(1, 16), st.integers(0, 20))
def test_what_is_computed_fits_and_one_more_would_not(
    max_connections: int, replicas: int, workers: int, reserved: int
) -> None:
    fleet = {"max_connections": max_connections, "reserved": reserved}
    processes = replicas * workers
    try:
        size = largest_pool(replicas=replicas, workers=workers, **fleet)
    except ConfigurationError:
        assert max_connections - reserved < processes
        return

    assert size.pool_size + size.max_overflow == size.per_process >= size.pool_size >= 1
    assert overbooking(processes=processes, per_process=size.per_process, **fleet) is None
    assert overbooking(processes=processes, per_process=size.per_process + 1, **fleet)
