"""The map from the tutorial has a row for each of its names, and each row is true.

What a row says in code is looked up or set here, or run by `test_tutorial_programs`; what it says
in words has a test of its own.
"""

import importlib
import inspect
import re
import tomllib
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session
from sqlmodel.ext.asyncio.session import AsyncSession
from staged import KEY, client_of

from tests.docs.pages import ROOT
from tests.docs.test_tutorial_programs import COMMANDS
from tests.docs.tutorial import MAP, NAMES, REQUESTS, URL, rows
from todo.main import create_app
from todo.settings import Settings
from wellhead import Database, DatabaseSettings, PoolStats, PostgresURL

SECRETS = {"DATABASE_URL": URL, "JWT_SECRET_KEY": KEY}

IN_WORDS = {
    "postgresql://…?sslmode=require",
    "postgresql+asyncpg://…?sslmode=require",
    "future=True",
    "expire_on_commit=False",
    "autocommit=False",
    "session.commit",
    "session.rollback",
}
"""The rows without code on their right. The page's program, which `test_docs` runs with its driver,
shows the last two."""

PLACES = {
    "Database": Database(DatabaseSettings(url=URL)),
    "PoolStats": PoolStats,
    "AsyncSession": AsyncSession,
}
"""The names that the map writes without their module."""


def test_each_name_of_the_tutorial_has_a_row() -> None:
    assert [name for there, _ in rows() for name in there] == NAMES


def test_each_request_of_the_tutorial_has_a_row() -> None:
    assert tuple(row["Request"] for row in MAP.rows() if "Request" in row) == REQUESTS


def test_a_row_without_code_on_its_right_has_a_test_of_its_own() -> None:
    assert {name for there, here in rows() if not here for name in there} == IN_WORDS


HERE = sorted({code for _, here in rows() for code in here})


@pytest.mark.parametrize("code", HERE)
async def test_what_a_row_names_is_there(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if re.fullmatch(r"[A-Z]+(_[A-Z]+)*(=.*)?", code):
        assert_taken(code, monkeypatch)
    elif re.match(r"(GET|POST) /", code):
        await assert_served(*code.split())
    elif re.match(r"(todo|wellhead|uvicorn) ", code):
        assert code in COMMANDS
    elif re.match(r"pip install|wellhead\[|[\w-]+>=", code):
        assert_declared(code)
    elif "/" in code or code.startswith("."):
        assert (ROOT / code).exists()
    else:
        assert_found(code)


def assert_taken(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a variable, and find its field set."""
    name, _, value = code.partition("=")
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv(name, value or SECRETS.get(name, value))
    settings = DatabaseSettings() if name.startswith("DATABASE_") else Settings()

    assert name in {settings.variable_of(field) for field in settings.model_fields_set}


async def assert_served(method: str, path: str) -> None:
    """Send a request without a token or a body to the application, whose database is closed."""
    app = create_app(Settings(jwt_secret_key=KEY), Database(DatabaseSettings(url=URL)))
    async with client_of(app) as client:
        response = await client.request(method, path)

    assert response.status_code not in {307, 404, 405}


def assert_declared(code: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if extras := re.search(r"\[(.+)\]", code):
        assert set(extras[1].split(",")) <= project["optional-dependencies"].keys()
    else:
        assert code in project["dependencies"]


def assert_found(code: str) -> None:
    """Look a name up: in what the page says it belongs to, or by its module."""
    path, _, argument = code.partition("(")
    first, *rest = path.split(".")
    found: Any = PLACES.get(first) or importlib.import_module(first)
    for name in rest:
        if hasattr(found, name):
            found = getattr(found, name)
        else:
            found = importlib.import_module(f"{found.__name__}.{name}")
    if argument:
        assert argument.partition("=")[0] in inspect.signature(Database).parameters


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
def test_the_url_is_taken_as_it_is(scheme: str) -> None:
    url = PostgresURL.parse(URL.replace("postgresql", scheme))

    assert (url.driver, url.provider) == ("asyncpg", "neon")
    assert "sslmode" not in url.connect_args()


def test_sqlalchemy_has_no_other_way_for_two_of_the_arguments() -> None:
    with pytest.raises(ArgumentError, match="future"):
        create_engine("sqlite://", future=False)
    with pytest.raises(ArgumentError, match="autocommit"):
        Session(autocommit=True)  # type: ignore[arg-type]  # what is tested


async def test_a_session_flushes_by_itself_and_keeps_what_it_has_loaded(database_url: str) -> None:
    async with (
        Database(DatabaseSettings(url=database_url)) as database,
        database.session() as session,
    ):
        flushes = [session.autoflush]
        with session.no_autoflush:
            flushes.append(session.autoflush)

        assert flushes == [True, False]
        assert not session.sync_session.expire_on_commit


def test_the_default_pins_are_those_of_the_todo_api() -> None:
    pins = (ROOT / "requirements" / "runtime.txt").read_text()

    assert re.findall(r"^(sqlmodel|asyncpg|python-dotenv)==", pins, re.MULTILINE) == [
        "asyncpg",
        "python-dotenv",
        "sqlmodel",
    ]
    assert "psycopg2" not in pins


@pytest.mark.parametrize(
    ("profile", "size", "overflow", "recycle"),
    [
        ("development", 5, 10, 3600),
        ("small", 10, 20, 3600),
        ("large", 20, 40, 1800),
        ("serverless", 5, 15, 600),
    ],
)
def test_a_profile_has_the_figures_of_the_tutorial(
    profile: Any, size: int, overflow: int, recycle: float
) -> None:
    settings = DatabaseSettings(url=URL, profile=profile)

    assert (settings.pool_size, settings.max_overflow) == (size, overflow)
    assert (settings.pool_timeout, settings.pool_recycle) == (30, recycle)
    assert settings.pool_pre_ping
