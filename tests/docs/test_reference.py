"""The reference of the library says what the code does: every name, every default, every code."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass

import asyncpg
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy.exc import TimeoutError as PoolTimeout

import wellhead
import wellhead.embedded
import wellhead.fastapi
import wellhead.migrations
import wellhead.testing
from tests.docs.pages import DOCS, ROOT, Page, page
from wellhead import (
    Classification,
    Database,
    DatabaseSettings,
    Fault,
    Query,
    Reader,
    classify,
)
from wellhead.embedded import EmbeddedPostgres
from wellhead.fastapi import probes
from wellhead.settings.checked import accepted_values
from wellhead.settings.pooling import PROFILES
from wellhead.settings.standbys import SHORTEST_KEY
from wellhead.telemetry.metrics import FIGURES
from wellhead.testing import Network, RoundTrips, SleepingDatabase, TCPProxy, plugin, worker

INSTRUMENTS: tuple[type, ...] = (Network, RoundTrips, SleepingDatabase, TCPProxy)


def test_the_reference_has_every_setting_with_its_default_and_its_range() -> None:
    said = {
        row["Variable"]: (row["Default"], row["Takes"])
        for row in page("reference/settings.md").rows()
        if "Variable" in row
    }

    in_words = {
        "url": "a database URL",
        "url_direct": "a database URL, or none",
        "replica_url": "database URLs, or none",
        "patroni_url": "addresses of Patroni, or none",
        **dict.fromkeys(
            ("replica_key", "live_page_token"),
            f"text of at least {SHORTEST_KEY} characters, or none",
        ),
        "application_variables": "names with commas between them",
        **dict.fromkeys(("host", "user", "password", "name", "parameters"), "text, or none"),
    }
    settings = DatabaseSettings(url="postgresql://h/d")
    assert said == {
        settings.variable_of(name): (
            default_of(field),
            in_words.get(name) or accepted_values(field),
        )
        for name, field in DatabaseSettings.model_fields.items()
    }


def default_of(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, bool) or field.default is None:
        return str(field.default).lower()
    if field.default == ():
        return ""
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def test_the_reference_has_every_profile_with_what_it_sets() -> None:
    rows = {row["Profile"]: row for row in page("reference/settings.md").rows() if "Profile" in row}

    assert rows.keys() == PROFILES.keys()
    for name in PROFILES:
        settings = DatabaseSettings(url="postgresql://u:p@localhost/db", profile=name)
        for field in ("pool_size", "max_overflow", "pool_recycle"):
            assert float(rows[name][field]) == getattr(settings, field)
        assert PROFILES[name].keys() <= rows[name].keys()


def test_the_reference_has_every_exception_and_which_of_them_opening_tries_again() -> None:
    said = {
        row["Exception"]: row["Opening tries again"] == "yes"
        for row in page("reference/errors.md").rows()
        if "Exception" in row
    }
    tree = {kind.__name__: getattr(kind, "can_retry", False) for kind in exceptions()}

    assert said == tree


def exceptions() -> Iterator[type[Exception]]:
    for name in wellhead.__all__:
        value = getattr(wellhead, name)
        if isinstance(value, type) and issubclass(value, wellhead.WellheadError):
            yield value


def test_the_tree_of_the_reference_is_that_of_the_code() -> None:
    tree = next(b.text for b in page("reference/errors.md").blocks if b.language == "text")
    docstring = wellhead.errors.tree.__doc__ or ""

    assert tree.strip().splitlines() == [
        line.removeprefix("    ") for line in docstring.split("::\n\n")[1].rstrip().splitlines()
    ]


def faults() -> Mapping[str, Mapping[str, str]]:
    return {row["Fault"]: row for row in page("reference/errors.md").rows() if "Fault" in row}


def test_the_reference_has_every_fault() -> None:
    assert faults().keys() == {str(fault) for fault in Fault}


class ServerError(Exception):
    """What a driver raises, with the server's code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("staged")
        self.sqlstate = sqlstate


# Faults that no code of the server stands for.
WITHOUT_CODE: Mapping[Fault, Exception] = {
    Fault.SATURATED: PoolTimeout(),
    Fault.STANDBY: wellhead.StandbyError.after_refusal(),
    Fault.REQUEST_TIMEOUT: wellhead.RequestTimeoutError("staged"),
    Fault.COMMITTED: wellhead.CommittedError("staged", commits=1),
    Fault.PARTLY_COMMITTED: wellhead.PartlyCommittedError(
        "staged", committed=["one"], not_committed=["two"]
    ),
    Fault.UNREACHABLE: OSError(),
    Fault.CREDENTIALS: wellhead.CredentialsError("staged"),
    Fault.OUTCOME_UNKNOWN: wellhead.CommitUnknownError("staged"),
    Fault.TLS: wellhead.TLSError("staged"),
    Fault.REFUSED: wellhead.ConnectError("staged"),
    Fault.NOT_OPEN: wellhead.NotOpenError("staged"),
    Fault.SCHEMA_BEHIND: wellhead.SchemaBehindError("staged"),
    Fault.SCHEMA_AHEAD: wellhead.SchemaAheadError("staged"),
    Fault.UNKNOWN: ServerError("P0001"),
}


@pytest.mark.parametrize("fault", list(Fault))
def test_the_reference_says_what_a_fault_means(fault: Fault) -> None:
    row = faults()[str(fault)]
    said = tuple(row[name] for name in ("Status", "Retry-After", "Transient", "Runs again"))

    assert said == meaning_in_words(classify(error_of(fault, row)))


def error_of(fault: Fault, row: Mapping[str, str]) -> Exception:
    codes = [code for code in row["SQLSTATE"].split(", ") if re.fullmatch("[0-9A-Z]{5}", code)]
    class_codes = [
        code.replace("xxx", "999") for code in row["SQLSTATE"].split(", ") if "x" in code
    ]
    return WITHOUT_CODE.get(fault) or ServerError((codes + class_codes)[0])


def meaning_in_words(meaning: Classification) -> tuple[str, ...]:
    after = "" if meaning.retry_after is None else str(meaning.retry_after)
    answers = meaning.is_transient, meaning.can_run_again
    return str(meaning.http_status), after, *("yes" if each else "no" for each in answers)


def test_the_reference_sorts_every_code_of_the_server_as_the_code_does() -> None:
    known = {str(code) for code in map(code_of, vars(asyncpg.exceptions).values()) if code}
    listed = {
        code: fault for fault, row in faults().items() for code in row["SQLSTATE"].split(", ")
    }

    said = {code: listed.get(code) or listed.get(f"{code[:2]}xxx", "unknown") for code in known}
    assert len(known) > 200
    assert said == {code: str(classify(ServerError(code)).fault) for code in known}


def code_of(value: object) -> object:
    return getattr(value, "sqlstate", None) if isinstance(value, type) else None


def cells(page_name: str, heading: str) -> set[str]:
    """A column of a page, without the arguments that stand behind a name."""
    return {cell.partition("(")[0] for cell in page(page_name).column(heading)}


def members_of(kind: type) -> set[str]:
    """What a class offers: its fields, properties and methods."""
    fields = {*getattr(kind, "__dataclass_fields__", {}), *getattr(kind, "model_fields", {})}
    return fields | {name for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("page_name", "kind"),
    [
        *(("reference/testing.md", kind) for kind in INSTRUMENTS),
        ("reference/database.md", Query),
        ("reference/database.md", Reader),
        ("reference/errors.md", Classification),
        ("reference/embedded.md", EmbeddedPostgres),
    ],
)
def test_the_reference_has_every_member_of_a_class(page_name: str, kind: type) -> None:
    assert cells(page_name, kind.__name__) == members_of(kind)


def test_the_reference_has_every_member_of_the_database() -> None:
    assert cells("reference/database.md", "Database") == members_of(Database) | {"settings"}


def test_the_reference_has_every_instrument_of_tests() -> None:
    classes = {kind.__name__ for kind in INSTRUMENTS}

    assert cells("reference/testing.md", "Function") | classes == set(wellhead.testing.__all__)


def public_classes() -> list[type]:
    packages = (wellhead, wellhead.errors, wellhead.migrations, wellhead.embedded, wellhead.testing)
    offered = {getattr(package, name) for package in packages for name in package.__all__}
    return sorted(filter(inspect.isclass, offered), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", public_classes(), ids=lambda kind: kind.__name__)
def test_a_docstring_says_what_each_member_of_a_public_class_is(kind: type) -> None:
    said = set(re.findall(r"^ +(\w+): \S", kind.__doc__ or "", re.MULTILINE))
    fields = {field.name for field in dataclasses.fields(kind)} if is_dataclass(kind) else set()
    silent = {
        name
        for name, value in vars(kind).items()
        if not name.startswith("_") and (isinstance(value, property) or inspect.isfunction(value))
        if not value.__doc__
    }

    assert kind.__doc__
    assert {name for name in fields if not name.startswith("_")} - said == set()
    assert silent == set()


def test_the_reference_has_what_settings_offer_beside_their_fields() -> None:
    offered = {
        name
        for kind in DatabaseSettings.__mro__
        if kind.__module__.startswith("wellhead.")
        for name in vars(kind)
        if not name.startswith(("_", "model_")) and name != "settings_customise_sources"
    }

    assert cells("reference/database.md", "DatabaseSettings") == offered


@pytest.mark.parametrize(
    "model",
    [
        probes.Alive,
        probes.Started,
        probes.Ready,
        probes.DatabaseHealth,
        probes.PoolStatus,
        wellhead.fastapi.Problem,
        wellhead.fastapi.ValidationFault,
    ],
)
def test_the_reference_has_every_field_of_an_answer(model: type[BaseModel]) -> None:
    assert cells("reference/fastapi.md", model.__name__) == set(model.model_fields)


def test_the_reference_has_every_public_name_for_fastapi() -> None:
    assert cells("reference/fastapi.md", "Name") == set(wellhead.fastapi.__all__)


def test_the_reference_has_every_route_with_its_statuses() -> None:
    said = {
        row["Route"]: set(row["Status"].split(", "))
        for row in page("reference/fastapi.md").rows()
        if "Route" in row
    }

    assert said == {probe.path: {"200", *map(str, probe.statuses)} for probe in probes.PROBES}


def test_the_reference_has_every_name_for_migrations() -> None:
    name = "reference/migrations.md"

    assert cells(name, "Name") == set(wellhead.migrations.__all__)
    assert cells(name, "Migrations") == members_of(wellhead.migrations.Migrations)


def test_the_reference_has_every_argument_of_the_embedded_server() -> None:
    said = {
        row["Argument"]: row["Default"]
        for row in page("reference/embedded.md").rows()
        if "Argument" in row
    }
    parameters = inspect.signature(EmbeddedPostgres).parameters.values()

    assert said == {
        each.name: "required" if each.default is each.empty else str(each.default)
        for each in parameters
    }


def test_the_reference_has_every_metric_with_its_kind_and_its_label() -> None:
    said = {
        row["Metric"]: (row["Kind"], row["Further label"] or None)
        for row in page("reference/metrics.md").rows()
        if "Metric" in row
    }
    kinds = {
        figure: figure.kind.__name__.removesuffix("MetricFamily").lower() for figure in FIGURES
    }

    assert said == {
        f"wellhead_{figure.name}{'_total' if kind == 'counter' else ''}": (kind, figure.label)
        for figure, kind in kinds.items()
    }


def test_the_page_on_measuring_names_only_metrics_that_there_are() -> None:
    known = {f"wellhead_{figure.name}" for figure in FIGURES}
    used = set(re.findall(r"wellhead_\w+", page("how-to/measure.md").text))

    assert {re.sub("_(total|bucket|sum|count)$", "", name) for name in used} <= known


def test_every_public_name_stands_in_the_reference() -> None:
    text = "".join(Page(path).text for path in DOCS.glob("reference/*.md"))
    names = {*wellhead.__all__, *wellhead.fastapi.__all__, *wellhead.embedded.__all__}

    assert {name for name in names if not re.search(rf"`[^`]*\b{name}\b[^`]*`", text)} == set()


def test_the_page_on_logs_has_every_event() -> None:
    written = {
        event
        for path in (ROOT / "src" / "wellhead").rglob("*.py")
        for event in re.findall(r'"event": "(\w+)"', path.read_text())
    }

    assert cells("how-to/log.md", "Event") == written


def test_the_reference_has_every_fixture_mark_and_variable_of_the_plugin() -> None:
    functions = [
        node
        for path in (ROOT / "src" / "wellhead" / "testing").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any("pytest.fixture" in ast.unparse(each) for each in node.decorator_list)
        and not node.name.startswith("_")
    ]
    rows = list(page("reference/testing.md").rows())

    assert {row["Fixture"].strip("`"): row["Scope"] for row in rows if "Fixture" in row} == {
        each.name: "session" if "session" in ast.unparse(each.decorator_list[0]) else "function"
        for each in functions
    }
    assert {row["Mark"].strip("`") for row in rows if "Mark" in row} == {plugin.MARK}
    assert {row["Variable"].strip("`") for row in rows if "Variable" in row} == {
        f"{worker.VARIABLES}{name}" for name in ("URL", "URL_DIRECT")
    }
