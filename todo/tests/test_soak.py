"""Nothing grows with traffic: a small version of `bench/soak.py`."""

import asyncio

import pytest

from bench.soak import Client, Tally, application, holdings, service
from tests.staging.patience import until
from tests.staging.server import serve

pytestmark = pytest.mark.wellhead(commit=True)

WARM_UP, MORE = 50, 240


async def ask(base: str, requests: int) -> Tally:
    """Go through every route until so many requests were sent."""
    tally = Tally(requests)
    port = int(base.rpartition(":")[2])
    await Client(port, tally).run()
    return tally


@pytest.mark.usefixtures("_loggers_are_put_back")
@pytest.mark.parametrize("pool_mode", ["pool", "none"])
async def test_the_objects_that_requests_leave_behind_are_not_more_after_more_requests(
    pool_mode: str, wellhead_url: str
) -> None:
    async with serve(application(wellhead_url, pool_mode)) as base:
        await ask(base, WARM_UP)
        await until(lambda: len(asyncio.all_tasks()) <= 4)
        before = holdings()
        tally = await ask(base, MORE)
        await until(lambda: len(asyncio.all_tasks()) <= 4)
        after = holdings()

    assert {200, 201, 204, 304, 401, 403, 404, 405, 409, 412, 422, 500, 504, 0} <= set(
        tally.statuses
    )
    # Less than one for every third request, of which there is one of each kind.
    assert after["ours"] - before["ours"] < MORE / 3
    assert after["threads"] <= before["threads"] + 4


async def test_it_serves_in_a_process_of_its_own(wellhead_url: str) -> None:
    tally = Tally(0)
    async with service(wellhead_url, "pool") as port:
        await Client(port, tally).run()

    assert set(tally.statuses) == {200, 201}
