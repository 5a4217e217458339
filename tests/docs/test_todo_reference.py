"""The reference of the Todo API says what the code does: settings, commands, routes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import pytest
import typer
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic.fields import FieldInfo
from typer.core import TyperCommand, TyperGroup, TyperOption

from tests.docs.pages import ROOT, page
from todo.cli import app as cli
from todo.main import create_app
from todo.settings import Settings
from todo.web.error_types import KINDS
from todo.web.figures import HTTPCollector
from wellhead import Database, DatabaseSettings

SETTINGS = Settings.model_fields

# Defaults that a table tells in words.
IN_WORDS = {"app_version": "the package's"}


def rows_of(page_name: str, heading: str) -> Mapping[str, Mapping[str, str]]:
    return {row[heading]: row for row in page(page_name).rows() if heading in row}


def settings_rows() -> Mapping[str, Mapping[str, str]]:
    return rows_of("reference/todo-settings.md", "Variable")


def test_the_reference_has_every_setting_with_its_default() -> None:
    said = {name: row["Default"] for name, row in settings_rows().items()}

    assert said == {name.upper(): default_of(name) for name in SETTINGS}


def default_of(name: str) -> str:
    value = SETTINGS[name].default
    if name in IN_WORDS:
        return IN_WORDS[name]
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value).lower() if isinstance(value, bool | None) else str(value)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_reference_says_what_a_setting_takes(name: str) -> None:
    said = settings_rows()[name.upper()]["Takes"]

    assert {limit for limit in limits_of(SETTINGS[name]) if limit not in said} == set()


def limits_of(field: FieldInfo) -> set[str]:
    found = set(get_args(field.annotation)) if get_origin(field.annotation) is Literal else set()
    for item in field.metadata:
        for kind, attribute in ((Ge, "ge"), (Le, "le"), (MinLen, ""), (MaxLen, "max_length")):
            if isinstance(item, kind) and attribute:
                found.add(getattr(item, attribute))
    return {str(limit) for limit in found}


def test_the_example_of_an_env_file_names_settings_and_shows_their_defaults() -> None:
    known = {name.upper(): default_of(name) for name in SETTINGS}
    rows = rows_of("reference/settings.md", "Variable")
    known |= {name: row["Default"] for name, row in rows.items()}
    text = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^#? ?([A-Z_]+)=(.*)$", text, re.MULTILINE))
    examples = {"DATABASE_URL", "DATABASE_PROFILE"}

    assert len(shown) > 10
    assert DatabaseSettings(url=shown["DATABASE_URL"]).direct_url() is not None
    assert shown.keys() <= known.keys()
    assert {
        name for name in shown.keys() - examples if shown[name] not in {"", known[name]}
    } == set()


def commands_of(group: TyperGroup, *names: str) -> Iterator[tuple[str, TyperCommand]]:
    """Each command of a group and of the groups in it, as it is typed."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands_of(command, *names, name)
        else:
            assert isinstance(command, TyperCommand)
            yield " ".join([*names, name]), command


def options_of() -> Mapping[str, list[str]]:
    """The options of each command, as they are typed."""
    group = typer.main.get_command(cli)
    assert isinstance(group, TyperGroup)
    return {
        name: [
            option
            for parameter in command.params
            if isinstance(parameter, TyperOption)
            for option in (*parameter.opts, *parameter.secondary_opts)
        ]
        for name, command in commands_of(group)
    }


def test_the_reference_has_every_command() -> None:
    headings = page("reference/todo-cli.md").headings[1:]

    assert headings == [f"todo {name}" for name in options_of()]


@pytest.mark.parametrize("name", sorted(options_of()))
def test_the_reference_has_every_option_of_a_command(name: str) -> None:
    said = {
        option
        for cell in rows_of("reference/todo-cli.md", f"todo {name}")
        for option in cell.split(", ")
    }

    assert said == set(options_of()[name])


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    settings = Settings(jwt_secret_key="0123456789abcdefghijklmnopqrstuvwxyz-for-tests")
    database = Database(DatabaseSettings(url="postgresql://u:p@localhost/db"))
    return create_app(settings, database).openapi()


def test_the_reference_has_every_route_with_its_statuses(openapi: dict[str, Any]) -> None:
    rows = rows_of("reference/todo-api.md", "Route")
    said = {route: sorted(row["Statuses"].split(", ")) for route, row in rows.items()}

    assert said == {
        f"{method.upper()} {path}": sorted(operation["responses"])
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    }


def test_the_reference_has_every_type_of_a_problem() -> None:
    listed = {
        row["Problem type"]: (int(row["Status"]), row["It says"])
        for row in page("reference/todo-api.md").rows()
        if "Problem type" in row
    }

    assert listed == {
        f"urn:todo:{code}": (kind.status, said.replace("`", ""))
        for kind in KINDS
        for code, said in kind.codes.items()
    }


def test_the_reference_has_every_parameter_of_the_list_of_tasks(openapi: dict[str, Any]) -> None:
    parameters = openapi["paths"]["/api/{user_id}/tasks"]["get"]["parameters"]
    in_query = {each["name"] for each in parameters if each["in"] == "query"}

    assert rows_of("reference/todo-api.md", "Parameter").keys() == in_query


def test_the_reference_has_every_http_metric_with_its_kind_and_its_labels() -> None:
    collector = HTTPCollector()
    collector.add("GET", "/", 200, 0.1)
    found = {
        metric.name + "_total" * (metric.type == "counter"): (
            metric.type,
            {*metric.samples[0].labels} - {"le"},
        )
        for metric in collector.collect()
    }
    said = {
        name: (row["Kind"], set(re.findall(r"\w+", row["Labels"])))
        for name, row in rows_of("reference/metrics.md", "HTTP metric").items()
    }

    assert said == found
