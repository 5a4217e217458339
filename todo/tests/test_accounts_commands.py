"""`todo user`, on a real database."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from commands import CHEAP
from typer.testing import CliRunner, Result

from todo.cli import app

pytestmark = [pytest.mark.usefixtures("_loggers_are_put_back"), pytest.mark.wellhead(commit=True)]

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"


class Operator:
    """Types `todo user ...`."""

    def __init__(self, url: str) -> None:
        self._environment = {**CHEAP, "DATABASE_URL": url}

    def __call__(self, *arguments: str, typed: str = "", **environment: str) -> Result:
        result = CliRunner().invoke(
            app,
            ["user", *arguments],
            input=typed,
            env={**self._environment, **environment},
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def listed(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self("list", "--json").stdout.splitlines()]


def told_by(done: Result) -> str:
    """The one sentence that an expected error is."""
    assert done.exit_code == 1, done.output
    *_, said = done.stderr.splitlines()
    assert said.startswith("todo: ")
    return said.removeprefix("todo: ")


@pytest.fixture
def operator(wellhead_url: str) -> Operator:
    return Operator(wellhead_url)


def test_an_account_is_added_with_the_password_of_standard_input(operator: Operator) -> None:
    done = operator("add", EMAIL, "--name", "Ada", typed=f"{PASSWORD}\n", REGISTRATION="closed")

    assert done.exit_code == 0, done.output
    (account,) = operator.listed()
    assert done.stdout == f"Added {EMAIL} with the id {account['id']}.\n"
    assert account == {**account, "email": EMAIL, "name": "Ada"}
    assert (
        operator("list").stdout == f"{account['id']}  {account['created_at'][:10]}  {EMAIL}  Ada\n"
    )


@pytest.mark.parametrize(
    ("email", "typed", "complaint"),
    [
        (EMAIL, "", "password: "),
        (EMAIL, "short\n", "password: "),
        (EMAIL, f"{EMAIL}\n", "must not be the e-mail address"),
        ("nobody", f"{PASSWORD}\n", "email: "),
        ("\udcff@example.com", f"{PASSWORD}\n", "email: "),
    ],
)
def test_what_a_client_could_not_register_is_not_added(
    operator: Operator, email: str, typed: str, complaint: str
) -> None:
    done = operator("add", email, typed=typed)

    assert done.exit_code == 1
    assert complaint in told_by(done)
    assert operator.listed() == []


def test_a_taken_address_is_told_in_any_spelling(operator: Operator) -> None:
    operator("add", EMAIL, typed=PASSWORD)

    done = operator("add", EMAIL.upper(), typed=PASSWORD)

    assert told_by(done) == "This e-mail address already has an account."


def test_a_new_password_replaces_the_old_one(operator: Operator) -> None:
    operator("add", EMAIL, typed=PASSWORD)

    done = operator("reset-password", EMAIL.upper(), typed="another battery staple\n")

    assert (done.exit_code, EMAIL in done.stdout) == (0, True), done.output
    assert operator("reset-password", EMAIL, typed="short\n").exit_code == 1


@pytest.mark.parametrize("command", ["reset-password", "delete"])
@pytest.mark.parametrize("email", ["nobody@example.com", "nobody", "\udcff"])
def test_an_address_without_an_account_is_told(
    operator: Operator, command: str, email: str
) -> None:
    done = operator(command, email, typed=f"{PASSWORD}\n")

    assert told_by(done).startswith("No account has the address ")


@pytest.mark.parametrize(
    ("options", "typed", "is_deleted"),
    [([], "y\n", True), ([], "n\n", False), ([], "", False), (["--yes"], "", True)],
)
def test_an_account_is_deleted_once_that_is_confirmed(
    operator: Operator, options: list[str], typed: str, *, is_deleted: bool
) -> None:
    operator("add", EMAIL, typed=PASSWORD)

    done = operator("delete", EMAIL, *options, typed=typed)

    assert (done.exit_code == 0) is is_deleted
    assert (operator.listed() == []) is is_deleted


def test_an_invite_is_printed_with_its_link(operator: Operator) -> None:
    done = operator(
        "invite", "--email", EMAIL, REGISTRATION="invite", PUBLIC_URL="https://todo.example.com/"
    )

    text, link = done.stdout.split()
    assert text.startswith("todo_invite_")
    assert link == f"https://todo.example.com/#invite={text}"
    assert "REGISTRATION is open, so it is of no use now.\n" in operator("invite").stderr
    assert operator("invite", "--email", "nobody").exit_code == 1
    assert operator("invite", "--expires-in", "soon").exit_code == 2


def test_no_command_takes_a_password_as_an_argument(operator: Operator) -> None:
    assert operator("add", EMAIL, PASSWORD).exit_code == 2
    assert operator("add", EMAIL, "--password", PASSWORD).exit_code == 2
    assert operator("reset-password", EMAIL, PASSWORD).exit_code == 2
