"""The page about containers says what the files say: tests, services, stages and variables."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, page
from todo.settings import Settings
from wellhead import DatabaseSettings, PostgresURL

DOCKER = page("how-to/docker.md")
LINES = [row for row in DOCKER.rows() if "There" in row]


def test_each_line_of_the_seed_document_is_there() -> None:
    assert len(LINES) == 28
    assert all(row["There"] and row["Here"] for row in LINES)


@pytest.mark.parametrize("name", sorted({row["Test"] for row in LINES}))
def test_the_test_that_a_line_names_exists(name: str) -> None:
    path, _, test = name.partition("::")

    assert re.search(rf"^ *(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_the_urls_of_the_seed_document_are_taken_as_they_are() -> None:
    Path(".env").write_text(
        "# Pooled connection (for application)\n"
        "DATABASE_URL=postgresql+asyncpg://user:pass@ep-xxx-pooler.region.aws.neon.tech/db"
        "?sslmode=require\n\n"
        "# Direct connection (for migrations)\n"
        "DATABASE_URL_DIRECT=postgresql+asyncpg://user:pass@ep-xxx.region.aws.neon.tech/db"
        "?sslmode=require\n"
    )
    settings = DatabaseSettings()

    assert isinstance(settings.url, PostgresURL)
    assert settings.url.is_pooled
    assert settings.direct_url() == settings.url.direct()


def test_the_page_has_every_service() -> None:
    services = re.findall(
        r"^  (\w+):\n    (?:<<|image)", (ROOT / "compose.yaml").read_text(), re.MULTILINE
    )

    assert sorted(DOCKER.column("Service")) == sorted(services)


def test_the_page_has_every_stage() -> None:
    stages = re.findall(r"^FROM \S+ AS (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert DOCKER.column("Stage") == stages


def test_the_page_has_every_secret_that_may_be_a_file() -> None:
    names = {
        settings.variable_of(name)
        for settings in (DatabaseSettings(url="postgresql://h/d"), Settings())
        for name in settings.secret_fields
    }
    rows = {row["Variable"]: row["File"] for row in DOCKER.rows() if "File" in row}

    assert rows == {name: f"{name}_FILE" for name in names}


def test_the_page_has_every_variable_of_the_check() -> None:
    script = (ROOT / "scripts" / "containers").read_text()
    variables = set(re.findall(r"^#   (CONTAINERS_\w+)=", script, re.MULTILINE))

    assert {name for name in variables if name not in DOCKER.text} == set()
    assert len(variables) == 5


def test_the_page_has_every_build_argument() -> None:
    arguments = {
        word.partition("=")[0]
        for line in re.findall(r"^ARG (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for word in line.split()
    }

    assert {name for name in arguments if f"`{name}`" not in DOCKER.text} == set()
