"""What `install` takes over, in which form, and how it is told to leave it."""

import asyncio
import logging
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError

from wellhead import (
    CommitUnknownError,
    ConfigurationError,
    Database,
    DatabaseSettings,
    PoolSaturated,
    WellheadError,
    classify,
)
from wellhead.fastapi import PROBLEM_JSON, deadline, install, problem_responses

PROBES = {
    "/health", "/health/live", "/health/startup", "/health/ready", "/health/db", "/db/pool-status",
}  # fmt: skip

DUPLICATE = type("UniqueViolation", (Exception,), {"sqlstate": "23505"})()


class Item(BaseModel):
    """What a client sends."""

    count: int


def database(name: str = "database") -> Database:
    return Database(DatabaseSettings(url=f"postgresql://user@localhost/{name}"))


def application(**arguments: Any) -> FastAPI:
    app = FastAPI()
    install(app, database(), **arguments)
    _add_failures(app)
    return app


def _add_failures(app: FastAPI) -> None:
    failures: dict[str, Exception] = {
        "detail": HTTPException(404, detail={"code": "x"}, headers={"X-Reason": "staged"}),
        "unique": IntegrityError("INSERT", {}, DUPLICATE),
        "saturated": PoolSaturated("full"),
        "group": ExceptionGroup("", [PoolSaturated("full")]),
        "unknown": CommitUnknownError("staged"),
        "mistake": RuntimeError("staged"),
    }

    @app.get("/fail/{name}")
    async def fail(name: str) -> None:
        raise failures[name]

    @app.get("/slow", dependencies=[deadline(0.01)])
    async def be_slow() -> None:
        await asyncio.Event().wait()

    @app.post("/items")
    async def add(item: Item) -> Item:
        return item


async def ask(app: FastAPI, path: str, method: str = "GET", **more: Any) -> httpx2.Response:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, **more)


class TestFastAPIsForm:
    """`errors="detail"`: an application that was written for FastAPI's own form goes on with it."""

    @pytest.mark.parametrize(
        ("path", "more"),
        [
            ("/nowhere", {}),
            ("/fail/detail", {}),
            ("/fail/mistake", {}),
            ("/items", {}),
            ("/items", {"method": "POST", "json": {"count": "x"}}),
            (
                "/items",
                {"method": "POST", "content": "{", "headers": {"Content-Type": "text/json"}},
            ),
        ],
    )
    async def test_what_is_not_of_the_database_is_told_as_fastapi_tells_it(
        self, path: str, more: dict[str, Any]
    ) -> None:
        plain = FastAPI()
        _add_failures(plain)
        expected = await ask(plain, path, **more)
        response = await ask(application(errors="detail"), path, **more)

        assert (response.status_code, response.content) == (expected.status_code, expected.content)
        assert response.headers.items() >= expected.headers.items()

    @pytest.mark.parametrize(
        ("path", "status", "retry_after", "kind"),
        [
            ("/fail/unique", 409, None, "unique"),
            ("/fail/saturated", 503, "1", "saturated"),
            ("/fail/group", 503, "1", "saturated"),
            ("/fail/unknown", 503, None, "outcome_unknown"),
            ("/slow", 504, None, "request_timeout"),
            ("/health/ready", 503, "5", "not_open"),
        ],
    )
    async def test_what_is_of_the_database_has_a_detail_too(
        self, path: str, status: int, retry_after: str | None, kind: str
    ) -> None:
        response = await ask(application(errors="detail"), path)

        assert response.status_code == status
        assert response.headers.get("retry-after") == retry_after
        assert response.headers["content-type"] == "application/json"
        assert response.json()["type"] == f"urn:wellhead:{kind}"
        assert isinstance(response.json()["detail"], str)

    async def test_the_document_is_fastapis(self) -> None:
        document = application(errors="detail").openapi()

        refused = document["paths"]["/items"]["post"]["responses"]["422"]["content"]
        assert list(refused) == ["application/json"]
        assert "Problem" not in document["components"]["schemas"]
        assert "HTTPValidationError" in document["components"]["schemas"]
        assert document["paths"]["/health/ready"]["get"]["responses"]["503"] == {
            "description": "Service Unavailable"
        }


class TestTheirOwnForm:
    """`errors="own"`: Wellhead adds no handler."""

    def test_the_handlers_are_those_of_before(self) -> None:
        before = FastAPI().exception_handlers

        assert application(errors="own").exception_handlers == before

    @pytest.mark.parametrize("path", ["/fail/saturated", "/slow"])
    async def test_a_handler_of_the_application_hears_of_wellheads_errors(self, path: str) -> None:
        app = application(errors="own")

        @app.exception_handler(WellheadError)
        async def tell(request: Request, error: WellheadError) -> Response:
            del request
            return JSONResponse({"mine": str(classify(error).fault)}, status_code=418)

        response = await ask(app, path)

        assert response.status_code == 418
        assert response.json()["mine"] in {"saturated", "request_timeout"}

    @pytest.mark.parametrize("path", ["/fail/saturated", "/slow"])
    async def test_without_one_it_is_a_mistake_of_the_server(self, path: str) -> None:
        assert (await ask(application(errors="own"), path)).status_code == 500


def test_the_probes_can_be_left_out() -> None:
    paths = application(probes=False).openapi()["paths"]

    assert PROBES.isdisjoint(paths)


async def test_the_routes_can_have_a_prefix() -> None:
    app = application(prefix="/internal", metrics=True)

    assert {f"/internal{path}" for path in PROBES} <= set(app.openapi()["paths"])
    assert (await ask(app, "/internal/health")).status_code == 200
    assert (await ask(app, "/internal/metrics")).status_code == 200
    assert [(await ask(app, path)).status_code for path in ("/health", "/metrics")] == [404, 404]


async def test_the_routes_can_be_left_out_of_the_document() -> None:
    app = application(include_in_schema=False)

    assert PROBES.isdisjoint(app.openapi()["paths"])
    assert (await ask(app, "/health")).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"errors": "problem"}, "it must be one of 'problems', 'detail', 'own'"),
        ({"prefix": "internal"}, "begin with a slash"),
        ({"prefix": "/internal/"}, "not end with one"),
        ({"metric": True}, "metric=True is neither an argument nor a database"),
        ({"default": database()}, "'default' is the name of the main database"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        application(**arguments)


def test_a_second_database_is_given_with_the_first_and_not_after_it() -> None:
    app = application()

    with pytest.raises(ConfigurationError, match="install\\(app, database, archive=archive\\)"):
        install(app, database())


async def test_one_line_says_what_was_taken_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="wellhead.fastapi")
    app = application(archive=database("archive"))

    @app.exception_handler(HTTPException)
    async def own(request: Request, error: Exception) -> Response:
        del request, error
        return PlainTextResponse("theirs")

    app.get("/health/db")(lambda: "theirs")
    await ask(app, "/health")
    await ask(app, "/health")

    [line] = [each.getMessage() for each in caplog.records if "Wellhead gives" in each.msg]
    assert "databases default, archive; errors 'problems'" in line
    assert "/health/ready" in line
    assert "/health/db" not in line
    assert "SQLAlchemyError" in line


async def test_of_several_databases_each_has_its_place_in_the_probes_and_the_metrics() -> None:
    app = application(archive=database("archive"), metrics=True)
    ready = await ask(app, "/health/ready")
    pools = (await ask(app, "/db/pool-status")).json()
    metrics = (await ask(app, "/metrics")).text

    assert ready.status_code == 503
    assert ready.json()["databases"] == {"default": "unavailable", "archive": "unavailable"}
    assert set(pools["databases"]) == {"default", "archive"}
    assert pools["databases"]["default"].items() <= pools.items()
    for name in ("default", "archive"):
        assert f'wellhead_pool_size{{database="{name}"}}' in metrics


async def test_every_router_and_mounted_application_is_documented_as_it_refuses() -> None:
    app, sub, router = application(), FastAPI(), APIRouter()

    @router.post("/late")
    async def late(item: Item) -> None: ...

    @sub.post("/items", responses=problem_responses(409))
    async def below(item: Item) -> None: ...

    app.include_router(router)
    app.mount("/sub", sub)
    for path in ("", "/sub"):
        document = (await ask(app, f"{path}/openapi.json")).json()
        schemas = document["components"]["schemas"]
        for route, operations in document["paths"].items():
            refused = await ask(app, f"{path}{route}", "POST", json={})
            told = operations.get("post", {}).get("responses", {}).get("422")
            if told is not None:
                assert list(told["content"]) == [refused.headers["content-type"]]
        assert "Problem" in schemas
        assert ("HTTPValidationError" in schemas) == (path == "/sub")
        assert list(document["paths"])
    assert PROBLEM_JSON in str(app.openapi()["paths"]["/late"])


async def test_the_applications_plain_text_stays_plain_text() -> None:
    app = application(errors="detail")

    @app.exception_handler(404)
    async def lost(request: Request, error: Exception) -> Response:
        del request, error
        return PlainTextResponse("lost", status_code=404)

    assert (await ask(app, "/nowhere")).text == "lost"
