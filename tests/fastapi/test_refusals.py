"""Refusals: at once for a number in a second, and paced beyond it."""

import asyncio

import pytest
from fastapi import Request, Response
from fastapi.requests import HTTPConnection

from wellhead import PoolSaturated
from wellhead.fastapi import refusals
from wellhead.fastapi.refusals import Refusals

REQUEST = Request({"type": "http", "headers": []})
FULL = PoolSaturated("full")


async def answer(connection: HTTPConnection, error: Exception) -> Response:
    del connection, error
    return Response(status_code=503)


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> Refusals:
    monkeypatch.setattr(refusals, "AT_ONCE", 2)
    monkeypatch.setattr(refusals, "PAUSE", 3600)
    return Refusals(answer)


async def is_held_back(refusals: Refusals) -> bool:
    asked = asyncio.ensure_future(refusals(REQUEST, FULL))
    await asyncio.sleep(0.01)
    if asked.done():
        return False
    asked.cancel()
    return True


async def test_refusals_are_answered_at_once_up_to_a_number_in_a_second(paced: Refusals) -> None:
    assert [await is_held_back(paced) for _ in range(4)] == [False, False, True, True]


async def test_after_the_storm_they_are_answered_at_once_again(paced: Refusals) -> None:
    for _ in range(3):
        await is_held_back(paced)
    await asyncio.sleep(1.1)

    assert not await is_held_back(paced)


async def test_a_refusal_that_was_held_back_is_answered_all_the_same(
    paced: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        await paced(REQUEST, FULL)
    monkeypatch.setattr(refusals, "PAUSE", 0)

    assert (await paced(REQUEST, FULL)).status_code == 503
