"""`wellhead doctor`: its words, its JSON and its exit codes; tests/doctor has what it finds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.docs.pages import page
from wellhead.cli.app import app
from wellhead.doctor import DIAGNOSES
from wellhead.doctor.as_json import VERSION

PAGE = page("reference/findings.md")
REFUSED = "postgresql://u:hush@127.0.0.1:1/shop"


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


def test_a_failure_is_exit_code_1_and_comes_first() -> None:
    done = doctor(REFUSED)

    assert done.exit_code == 1
    assert done.stdout.startswith("failure: 127.0.0.1:1 refuses connections: nothing listens there")
    assert "hush" not in done.output


def test_a_healthy_database_is_exit_code_0(database_url: str) -> None:
    done = doctor(database_url)

    assert done.exit_code == 0, done.output
    assert done.stderr == ""


def test_the_settings_of_the_environment_are_examined(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("ARCHIVE_DATABASE_URL", database_url)
    done = CliRunner().invoke(app, ["--prefix", "ARCHIVE_DATABASE_", "doctor"])

    assert done.exit_code == 0, done.output
    assert database_url.rpartition("/")[2] in done.stdout


def test_json_has_its_documented_fields_and_nothing_else() -> None:
    done = doctor(REFUSED, "--json")
    report = json.loads(done.stdout)

    assert done.exit_code == 1
    assert list(report) == PAGE.column("Field")
    assert (report["version"], report["outcome"]) == (VERSION, "failure")
    assert (report["first"], report["ended_at"]) == ("port_refused", "tcp")
    assert report["target"] == "postgresql://u:***@127.0.0.1:1/shop?sslmode=prefer"
    assert {tuple(each) for each in report["findings"]} == {
        tuple(PAGE.column("Field of a finding"))
    }


def test_json_has_the_recommended_lines(database_url: str) -> None:
    done = doctor(database_url, "--replicas", "90", "--workers", "1", "--json")
    report = json.loads(done.stdout)

    assert {tuple(each) for each in report["env"]} == {tuple(PAGE.column("Field of a line"))}
    assert all(each["reason"] for each in report["env"])


def test_no_other_command_loads_it() -> None:
    program = "import sys, wellhead, wellhead.cli.app; print([*sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "wellhead.cli.wait" in done.stdout
    assert "wellhead.doctor" not in done.stdout


def test_an_applications_own_database_is_examined(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"doctored_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(
        "from wellhead import Database, DatabaseSettings\n"
        f"database = Database(DatabaseSettings(url={database_url!r}, application_name='shop'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    done = doctor("--use", f"{name}:database")

    assert done.exit_code == 0, done.output
    assert database_url.rpartition("/")[2] in done.stdout


def test_a_code_is_explained_without_any_database() -> None:
    done = doctor("--explain", "port_refused")

    assert done.exit_code == 0
    assert DIAGNOSES["port_refused"].title in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--explain", "nonsense"),
        ("--replicas", "0"),
        (REFUSED, "--use", "shop.main:database"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert doctor(*arguments).exit_code == 2
