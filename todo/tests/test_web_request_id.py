"""Request ids in answers; what the log makes of them is in test_web_logs."""

import re

import pytest
from httpx2 import AsyncClient


async def test_an_answer_carries_an_id_of_its_own(client: AsyncClient) -> None:
    first = (await client.get("/health")).headers["x-request-id"]
    second = (await client.get("/health")).headers["x-request-id"]

    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second


@pytest.mark.parametrize("given", ["a", "7f9e-1.2_3~x/y:z+=", "x" * 128])
async def test_a_well_formed_id_is_taken_over(client: AsyncClient, given: str) -> None:
    answer = await client.get("/health", headers={"X-Request-ID": given})

    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", "a\tb", "ü", '"quoted"', "<b>"])
async def test_any_other_id_is_replaced(client: AsyncClient, given: str) -> None:
    answer = await client.get("/health", headers={b"X-Request-ID": given.encode()})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("PUT", "/health")])
async def test_an_error_carries_an_id_too(client: AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path, headers={"X-Request-ID": "mine"})

    assert answer.status_code in {404, 405}
    assert answer.headers["x-request-id"] == "mine"


async def test_of_two_ids_the_first_is_taken_over(client: AsyncClient) -> None:
    given = [("X-Request-ID", "first"), ("X-Request-ID", "second")]
    answer = await client.get("/health", headers=given)

    assert answer.headers.get_list("x-request-id") == ["first"]
