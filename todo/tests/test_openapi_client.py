"""The API used through its document alone, from the first account to the last request."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from httpx2 import AsyncClient
from openapi_client import Answer, ContractError, OpenAPIClient
from pydantic import BaseModel
from staged import PASSWORD, client_of

from tests.staging.server import serve

EMAIL = "ada@example.com"
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[OpenAPIClient]:
    """A client of the running application that has read its document and nothing else."""
    async with serve(app) as base_url, AsyncClient(verify=False) as http:
        yield await OpenAPIClient.discover(http, f"{base_url}/openapi.json")


async def create(api: OpenAPIClient, user_id: str, title: str, *, tags: list[str]) -> Answer:
    """Create a task."""
    answer = await api.call("create_task", {"title": title, "tags": tags}, user_id=user_id)
    assert answer.status == 201
    return answer


async def titles_by_page(api: OpenAPIClient, **query: object) -> list[list[str]]:
    """The titles of a list of tasks, page by page to the end."""
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.call("list_tasks", **query, **cursor)
        assert page.status == 200
        pages.append([task["title"] for task in page.body["items"]])
        if page.body["next_cursor"] is None:
            return pages
        cursor = {"cursor": page.body["next_cursor"]}


async def test_everything_can_be_done_from_the_document_alone(api: OpenAPIClient) -> None:
    account = await api.call("register", {"email": EMAIL, "password": PASSWORD})
    assert account.status == 201
    login = await api.log_in(username=EMAIL, password=PASSWORD)
    assert login.status == 200
    user_id = account.body["id"]

    created = await create(api, user_id, "Buy milk", tags=["home", "shop"])
    for number in range(3):
        await create(api, user_id, f"Shop {number}", tags=["shop"])
    await create(api, user_id, "Elsewhere", tags=["home"])
    pages = await titles_by_page(api, user_id=user_id, tag=["shop"], sort="title", limit=3)
    assert pages == [["Buy milk", "Shop 0", "Shop 1"], ["Shop 2"]]

    task = {"user_id": user_id, "task_id": created.body["id"]}
    completed = await api.call(
        "complete_task", {"completed": True}, **task, if_match=created.headers["ETag"]
    )
    assert completed.status == 200
    assert completed.body["completed"] is True
    stale = await api.call(
        "change_task", {"title": "Too late"}, **task, if_match=created.headers["ETag"]
    )
    assert stale.status == 412
    known = await api.call("read_task", **task, if_none_match=completed.headers["ETag"])
    assert known.status == 304

    tag_id = next(tag["id"] for tag in completed.body["tags"] if tag["name"] == "shop")
    renamed = await api.call("change_tag", {"name": "market"}, user_id=user_id, tag_id=tag_id)
    assert renamed.status == 200
    pages = await titles_by_page(api, user_id=user_id, tag=["market"], completed=True)
    assert pages == [["Buy milk"]]

    deleted = await api.call("delete_task", **task)
    assert deleted.status == 204
    gone = await api.call("read_task", **task)
    assert gone.status == 404
    tags = await api.call("list_tags", user_id=user_id)
    assert {tag["name"]: tag["task_count"] for tag in tags.body["items"]} == {
        "home": 1,
        "market": 3,
    }

    keyed = {"user_id": user_id, "idempotency_key": "one-of-mine"}
    first, again = [await api.call("create_tag", {"name": "once"}, **keyed) for _ in range(2)]
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await api.call("create_tag", {"name": "another"}, **keyed)
    assert other.status == 422

    refreshed = await api.call("refresh", {"refresh_token": login.body["refresh_token"]})
    assert refreshed.status == 200
    assert (await api.call("logout")).status == 204
    over = await api.call("refresh", {"refresh_token": refreshed.body["refresh_token"]})
    assert over.status == 401


class Numbered(BaseModel):
    """Something with a number."""

    number: int


def unfaithful_app() -> FastAPI:
    """An application that does not do as its document says."""
    app = FastAPI(generate_unique_id_function=lambda route: route.name)

    @app.get("/status", response_model=Numbered)
    async def status() -> JSONResponse:
        return JSONResponse({"number": 1}, status_code=418)

    @app.get("/kind", response_model=Numbered)
    async def kind() -> PlainTextResponse:
        return PlainTextResponse("1")

    @app.get("/shape", response_model=Numbered)
    async def shape() -> JSONResponse:
        return JSONResponse({"number": "one"})

    @app.delete("/empty", status_code=204)
    async def empty() -> JSONResponse:
        return JSONResponse({"number": 1})

    return app


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        ("status", "status answered 418, which is not documented"),
        ("kind", "kind answered 200 as 'text/plain', which is not documented"),
        ("shape", "shape answered 200: .*not of type"),
        ("empty", "empty answered 200, which is not documented"),
    ],
)
async def test_an_answer_that_is_not_as_documented_is_an_error(
    operation: str, complaint: str
) -> None:
    async with client_of(unfaithful_app()) as http:
        api = await OpenAPIClient.discover(http, "http://todo.test/openapi.json")

        with pytest.raises(ContractError, match=complaint):
            await api.call(operation)


@pytest.mark.parametrize(
    ("body", "parameters", "complaint"),
    [
        ({"title": "Buy milk"}, {}, "create_task needs user_id"),
        (None, {"user_id": NOBODY}, "create_task needs a body"),
        ({"title": 1}, {"user_id": NOBODY}, "create_task: the body: .*not of type"),
        ({"title": "Buy milk"}, {"user_id": "you"}, "create_task: user_id: .*not valid"),
        ({"title": "Buy milk"}, {"user_id": NOBODY, "color": "red"}, "does not take color"),
    ],
)
async def test_a_call_that_is_not_as_documented_is_an_error(
    app: FastAPI, body: object, parameters: dict[str, str], complaint: str
) -> None:
    async with client_of(app) as http:
        api = await OpenAPIClient.discover(http, "http://todo.test/openapi.json")

        with pytest.raises(ContractError, match=complaint):
            await api.call("create_task", body, **parameters)
