"""The composition: what each answer of the whole application has in common."""

import os
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import KEY, client_of

from todo.errors import TodoError
from todo.main import STATUSES, create_app
from todo.settings import Settings
from wellhead import Database, DatabaseSettings, SettingsError, URLError


def operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
    ]


def test_making_an_application_opens_nothing(app: FastAPI, database: Database) -> None:
    assert app.state.accounts
    assert not database.is_open


def test_without_arguments_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_NAME", "Read")
    monkeypatch.setenv("JWT_SECRET_KEY", KEY)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@localhost/d")

    assert create_app().title == "Read"


def test_a_missing_database_is_refused(settings: Settings) -> None:
    assert "DATABASE_URL" not in os.environ
    with pytest.raises(URLError, match="DATABASE_URL is not set"):
        create_app(settings)


def test_a_setting_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "none")

    with pytest.raises(SettingsError, match="PORT is 'none'"):
        create_app()


def test_development_keeps_its_secret_beside_the_data(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url="postgresql://u:p@localhost/d"))

    create_app(Settings(data_dir=tmp_path / "data"), database)

    assert [path.name for path in (tmp_path / "data").iterdir()] == ["jwt-secret-key"]


def test_every_error_of_the_services_has_a_status() -> None:
    leaves = [kind for kind in TodoError.__subclasses__() if not kind.__subclasses__()]

    assert set(STATUSES) == set(leaves)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing/here/at/all", 404),
        ("GET", "/nothing/", 404),
        ("GET", "/health//", 404),
        ("DELETE", "/", 405),
        ("PATCH", "/api/auth/login/", 405),
        ("PATCH", "/api/auth/login", 405),
        ("GET", "/docs-assets/nothing.js", 404),
    ],
)
async def test_what_does_not_exist_is_a_problem(
    client: AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert ("allow" in answer.headers) == (status == 405)


async def test_the_health_of_the_database_is_told(client: AsyncClient) -> None:
    answer = await client.get("/health/db")

    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"


@pytest.mark.parametrize(("wanted", "status"), [(True, 200), (False, 404)])
async def test_the_figures_are_told_only_where_that_is_wanted(
    settings: Settings, database: Database, wanted: bool, status: int
) -> None:
    app = create_app(settings.model_copy(update={"metrics": wanted}), database)
    async with client_of(app) as client:
        answer = await client.get("/metrics")

    assert answer.status_code == status
    assert ("wellhead_pool_size" in answer.text) == wanted


async def test_every_probe_is_told_and_guarded_by_nothing(client: AsyncClient) -> None:
    statuses = {
        name: (await client.get(f"/health/{name}")).status_code
        for name in ("live", "startup", "ready", "db")
    }

    assert statuses == dict.fromkeys(statuses, 200)


def test_every_operation_has_a_name_of_its_own(app: FastAPI) -> None:
    names = [operation["operationId"] for _, _, operation in operations(app)]

    assert sorted(names) == sorted(set(names))
    assert {"register", "login", "refresh", "logout", "read_account"} <= set(names)


def test_every_guarded_operation_says_so(app: FastAPI) -> None:
    for _, path, operation in operations(app):
        is_guarded = "{user_id}" in path
        if is_guarded:
            assert operation["security"] == [{"OAuth2PasswordBearer": []}]
            assert {"401", "403", "422", "503"} <= set(operation["responses"])


def test_every_operation_with_a_body_says_that_it_may_be_too_large(app: FastAPI) -> None:
    for method, path, operation in operations(app):
        if "requestBody" in operation:
            assert {"400", "413", "422"} <= set(operation["responses"]), (method, path)


def test_no_answer_in_the_document_holds_a_hash(app: FastAPI) -> None:
    assert "hash" not in str(app.openapi()["components"]["schemas"])
