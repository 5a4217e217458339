"""Every error as a problem, over a real socket; and what neither body nor log may tell."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tests.staging.databases import Databases
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import PROBLEM_JSON, ReaderDep, SessionDep, install, lifespan
from wellhead.testing.proxy import TCPProxy

ROLE = "keeper_of_notes"
PASSWORD = "p4ssw0rd-of-the-keeper"
VALUE = "v4lue-of-a-client"
INSERT = f"INSERT INTO note VALUES (1, '{VALUE}')"  # noqa: S608 - no input in it
SLEEP = "SELECT pg_sleep(60)"
MISTAKE = "SELECT nothing FROM note"

SECRETS = [ROLE, PASSWORD, VALUE, "127.0.0.1", "INSERT", "SELECT", "note_pkey", "Traceback"]


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Note(Table, table=True):
    """What the routes write and read."""

    id: int = Field(primary_key=True)
    text: str


class NewNote(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid")

    id: int
    text: str = Field(max_length=20)


class Words(BaseModel):
    """Many values at once."""

    words: dict[str, int]


def application(database: Database) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    _add_routes(app, database)
    _add_refusals(app)
    return app


def _add_routes(app: FastAPI, database: Database) -> None:
    @app.get("/notes")
    async def read(reader: ReaderDep) -> int:
        return len((await reader.exec(select(Note))).all())

    @app.post("/notes", status_code=201)
    async def write(note: NewNote, session: SessionDep) -> None:
        session.add(Note(id=note.id, text=note.text))

    @app.get("/slow")
    async def slow(session: SessionDep) -> None:
        connection = await session.connection()
        await connection.execute(text("SET LOCAL statement_timeout = 20"))
        await connection.execute(text(SLEEP))

    @app.get("/mistake/{name}")
    async def mistake(name: str, session: SessionDep) -> None:
        del name
        await (await session.connection()).execute(text(MISTAKE))

    @app.get("/unexpected")
    async def unexpected() -> None:
        try:
            async with database.session() as session:
                await (await session.connection()).execute(text(INSERT))
        except IntegrityError as error:
            raise RuntimeError("nobody thought of this") from error

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            yield "first"
            async with database.session() as session:
                await (await session.connection()).execute(text(INSERT))

        return StreamingResponse(chunks())


def _add_refusals(app: FastAPI) -> None:
    refusals = APIRouter(prefix="/refusals")

    @refusals.get("/{status}")
    async def refuse(status: int) -> None:
        raise HTTPException(status, headers={"X-Reason": "because"})

    @refusals.put("/{status}")
    async def refuse_in_words(status: int) -> None:
        raise HTTPException(status, detail="This one is taken.")

    @refusals.post("/{status}")
    async def refuse_in_json(status: int) -> None:
        raise HTTPException(status, detail={"status": "taken", "by": [1, 2]})

    @app.post("/words")
    async def words(words: Words) -> None:
        del words

    app.include_router(refusals)


@pytest.fixture
def role(databases: Databases) -> Iterator[str]:
    databases.execute(f"CREATE ROLE {ROLE} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    yield ROLE
    databases.execute(f"DROP ROLE {ROLE}")


@pytest.fixture
async def database(role: str, database_url: str, proxy: TCPProxy) -> AsyncIterator[Database]:
    name = database_url.rpartition("/")[2]
    database = Database(
        DatabaseSettings(
            url=f"postgresql://{role}:{PASSWORD}@{proxy.host}:{proxy.port}/{name}",
            pool_size=1,
            max_overflow=0,
            pool_timeout=3.1,
            connect_timeout=3,
        )
    )
    async with database, database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE note (id int PRIMARY KEY, text text)"))
        await connection.execute(text(INSERT))
    yield database
    await database.close()


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        serve(application(database)) as base,
        httpx2.AsyncClient(base_url=base, verify=False) as client,
    ):
        yield client


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Everything that is logged while the server runs, but for the client's own lines."""
    for noisy in ("httpx2", "uvicorn.access"):
        caplog.set_level(logging.CRITICAL, logger=noisy)
    caplog.set_level(logging.INFO)
    return caplog


def problem(response: httpx2.Response) -> dict[str, object]:
    """The members of a problem, checked for what is true of each."""
    assert response.headers["content-type"] == PROBLEM_JSON
    body: dict[str, object] = response.json()
    assert body["status"] == response.status_code
    assert isinstance(body["title"], str)
    assert [secret for secret in SECRETS if secret in response.text] == []
    return body


def told_in(log: pytest.LogCaptureFixture) -> list[str]:
    """The secrets that the log tells."""
    secrets = [PASSWORD, VALUE, INSERT, SLEEP, MISTAKE]
    return [secret for secret in secrets if secret in log.text]


async def test_an_unknown_path_is_a_problem(client: httpx2.AsyncClient) -> None:
    body = problem(await client.get("/nowhere"))

    assert body == {"type": "about:blank", "title": "Not Found", "status": 404}


async def test_head_gets_the_headers_of_the_problem_and_no_body(client: httpx2.AsyncClient) -> None:
    missing, refused = await client.head("/nowhere"), await client.head("/notes")

    assert (missing.status_code, missing.content) == (404, b"")
    assert missing.headers["content-type"] == PROBLEM_JSON
    assert (refused.status_code, refused.content) == (405, b"")
    assert refused.headers["allow"] == "GET, POST"


async def test_the_headers_of_a_refusal_are_kept(client: httpx2.AsyncClient) -> None:
    response = await client.get("/refusals/403")

    assert problem(response) == {"type": "about:blank", "title": "Forbidden", "status": 403}
    assert response.headers["x-reason"] == "because"


async def test_the_words_of_a_refusal_are_its_detail(client: httpx2.AsyncClient) -> None:
    assert problem(await client.put("/refusals/409"))["detail"] == "This one is taken."


async def test_a_detail_that_is_no_text_keeps_its_form_beside_the_problems_own_members(
    client: httpx2.AsyncClient,
) -> None:
    body = problem(await client.post("/refusals/409"))

    assert body["details"] == {"status": "taken", "by": [1, 2]}
    assert "detail" not in body


@pytest.mark.parametrize("status", [204, 205, 304, 307])
async def test_what_is_no_error_has_no_body(client: httpx2.AsyncClient, status: int) -> None:
    response = await client.get(f"/refusals/{status}")

    assert (response.status_code, response.content) == (status, b"")
    assert response.headers["x-reason"] == "because"
    assert "content-type" not in response.headers


async def test_a_status_without_a_name_is_an_error(client: httpx2.AsyncClient) -> None:
    # An older Starlette raises a ValueError in place of a refusal without a name.
    title = problem(await client.get("/refusals/499"))["title"]

    assert title in {"Error", "Internal Server Error"}


async def test_a_request_that_is_not_valid_names_its_fields_and_repeats_no_value(
    client: httpx2.AsyncClient,
) -> None:
    body = problem(await client.post("/notes", json={"id": VALUE, "text": VALUE * 3, "more": 1}))

    assert (body["status"], body["title"]) == (422, "The request is invalid.")
    assert body["detail"] == "Check body.id, body.text, body.more."
    errors = body["errors"]
    assert isinstance(errors, list)
    assert [(error["field"], error["code"]) for error in errors] == [
        ("body.id", "int_parsing"),
        ("body.text", "string_too_long"),
        ("body.more", "extra_forbidden"),
    ]


async def test_malformed_json_says_where_it_breaks(client: httpx2.AsyncClient) -> None:
    response = await client.post(
        "/notes", content=b'{"id": }', headers={"content-type": "application/json"}
    )

    assert problem(response)["errors"] == [
        {"field": "body", "message": "JSON decode error at character 7", "code": "json_invalid"}
    ]


async def test_only_so_many_faults_of_one_request_are_listed(client: httpx2.AsyncClient) -> None:
    body = problem(await client.post("/words", json={"words": {f"w{n}": "x" for n in range(500)}}))

    errors = body["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 100
    assert str(body["detail"]).endswith("body.words.w4 and 95 more.")


async def test_a_long_name_is_not_repeated_whole(client: httpx2.AsyncClient) -> None:
    response = await client.post("/words", json={"words": {"w" * 100_000: "x"}})

    errors = problem(response)["errors"]
    assert isinstance(errors, list)
    assert errors[0]["field"].startswith("body.words.www")
    assert len(response.content) < 1000


async def test_a_name_that_is_no_text_does_not_break_the_answer(client: httpx2.AsyncClient) -> None:
    response = await client.post(
        "/words",
        content=b'{"words": {"\\ud800": "x"}}',
        headers={"content-type": "application/json"},
    )

    assert problem(response)["status"] == 422


async def test_a_value_that_exists_already_is_a_conflict(
    client: httpx2.AsyncClient, log: pytest.LogCaptureFixture
) -> None:
    body = problem(await client.post("/notes", json={"id": 1, "text": VALUE}))

    assert (body["status"], body["type"]) == (409, "urn:wellhead:unique")
    assert told_in(log) == []
    [record] = [each for each in log.records if each.name == "wellhead.fastapi"]
    assert record.levelno == logging.WARNING
    assert "POST /notes failed: unique (IntegrityError, SQLSTATE 23505)" in record.getMessage()
    assert vars(record)["event"] == "database_error"
    assert vars(record)["fault"] == "unique"


async def test_a_number_that_is_too_large_is_the_clients_fault(client: httpx2.AsyncClient) -> None:
    body = problem(await client.post("/notes", json={"id": 10**30, "text": ""}))

    assert (body["status"], body["type"]) == (422, "urn:wellhead:invalid_data")


async def test_a_database_that_is_away_is_unavailable_until_it_is_back(
    client: httpx2.AsyncClient, proxy: TCPProxy, log: pytest.LogCaptureFixture
) -> None:
    assert (await client.get("/notes")).status_code == 200
    await proxy.refuse()
    await proxy.cut()
    away = await client.get("/notes")
    await proxy.accept()

    assert problem(away)["type"] == "urn:wellhead:unreachable"
    assert away.status_code == 503
    assert away.headers["retry-after"] == "2"
    assert (await client.get("/notes")).status_code == 200
    assert told_in(log) == []


async def test_a_pool_with_no_connection_left_is_saturated(
    client: httpx2.AsyncClient, database: Database
) -> None:
    async with database.session() as session:
        await session.connection()
        response = await client.get("/notes")

    assert problem(response)["type"] == "urn:wellhead:saturated"
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


async def test_a_statement_that_takes_too_long_is_a_timeout_of_the_gateway(
    client: httpx2.AsyncClient, log: pytest.LogCaptureFixture
) -> None:
    response = await client.get("/slow")

    assert problem(response)["type"] == "urn:wellhead:statement_timeout"
    assert response.status_code == 504
    assert "retry-after" not in response.headers
    assert told_in(log) == []


async def test_a_mistake_in_a_statement_is_logged_with_its_place(
    client: httpx2.AsyncClient, log: pytest.LogCaptureFixture
) -> None:
    response = await client.get("/mistake/a%0Ab%1B[31m")

    assert problem(response)["type"] == "urn:wellhead:programming"
    assert response.status_code == 500
    [record] = [each for each in log.records if each.name == "wellhead.fastapi"]
    assert record.levelno == logging.ERROR
    assert 'column "nothing" does not exist' in record.getMessage()
    assert "in mistake" in record.getMessage()
    assert "GET /mistake/a%0Ab%1B%5B31m failed" in record.getMessage()
    assert told_in(log) == []


async def test_an_unexpected_error_is_logged_whole_and_answered_without_a_word_of_it(
    client: httpx2.AsyncClient, log: pytest.LogCaptureFixture
) -> None:
    body = problem(await client.get("/unexpected"))

    assert body == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "The error was logged.",
    }
    assert "nobody thought of this" in log.text
    assert "violates unique constraint" in log.text
    assert told_in(log) == []


async def test_an_error_after_the_response_began_ends_the_connection(
    client: httpx2.AsyncClient, log: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await client.get("/stream")

    assert "violates unique constraint" in log.text
    assert told_in(log) == []


async def test_before_the_database_is_open_its_routes_are_unavailable(
    database: Database, log: pytest.LogCaptureFixture
) -> None:
    app = application(database)
    transport = httpx2.ASGITransport(app)  # which runs no lifespan
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/notes")

    assert problem(response)["type"] == "urn:wellhead:not_open"
    assert response.headers["retry-after"] == "1"
    assert "is not open. Call await database.open() first" in log.text


async def test_a_more_specific_handler_of_the_application_wins(database: Database) -> None:
    app = application(database)

    @app.exception_handler(IntegrityError)
    async def answer(request: Request, error: Exception) -> Response:
        del request, error
        return PlainTextResponse("taken", status_code=418)

    async with serve(app) as base, httpx2.AsyncClient(base_url=base, verify=False) as client:
        response = await client.post("/notes", json={"id": 1, "text": ""})

    assert (response.status_code, response.text) == (418, "taken")
