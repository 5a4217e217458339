"""How many logins a second there can be."""

import pytest

from todo.accounts.capacity import Capacity, measure
from todo.accounts.passwords import Passwords


@pytest.mark.parametrize("at_once", [1, 3])
async def test_each_place_checks_a_password_at_least(at_once: int) -> None:
    passwords = Passwords(time_cost=1, memory_kib=7 * 1024, parallelism=1, concurrency=at_once)

    found = await measure(passwords, at_once=at_once, seconds=0)

    assert (found.logins, found.at_once) == (at_once, at_once)
    assert found.seconds > 0


def test_a_login_takes_longer_than_its_share_where_several_are_checked_at_once() -> None:
    found = Capacity(logins=80, seconds=2.0, at_once=4)

    assert (found.per_second, found.milliseconds) == (40, 100)
