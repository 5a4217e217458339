"""The page on the command `wellhead` has every command, option and exit code."""

import pytest
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from tests.docs.pages import page
from wellhead.cli.app import app
from wellhead.cli.exits import ExitCode

PAGE = page("reference/cli.md")


def group_at(*path: str) -> TyperGroup:
    group = typer.main.get_command(app)
    for name in path:
        assert isinstance(group, TyperGroup)
        group = group.commands[name]
    assert isinstance(group, TyperGroup)
    return group


def options_of(command: object) -> set[str]:
    assert isinstance(command, TyperCommand)
    return {
        option
        for parameter in command.params
        if isinstance(parameter, TyperOption)
        for option in parameter.opts
    }


def test_every_command_has_its_section() -> None:
    assert set(PAGE.headings[1:]) == {f"wellhead {name}" for name in group_at().commands}


@pytest.mark.parametrize("command", ["wait", "doctor", "top", "pool-size"])
def test_every_option_of_a_command_is_told(command: str) -> None:
    assert set(PAGE.column(f"wellhead {command}")) == options_of(group_at().commands[command])


def test_every_migration_command_is_told() -> None:
    told = [cell.split()[0] for cell in PAGE.column("wellhead migrate")]

    assert told == list(group_at("migrate").commands)


def test_every_option_of_a_migration_command_is_told() -> None:
    told = {(row["Of"], row["Option"].split()[0]) for row in PAGE.rows() if "Option" in row}
    commands = group_at("migrate").commands.items()

    shared = {"--scripts", "--use"}
    assert {name for name, command in commands if not shared <= options_of(command)} == set()
    assert told == {
        (name, option) for name, command in commands for option in options_of(command) - shared
    }


def test_every_exit_code_is_told() -> None:
    assert PAGE.column("Exit code") == [str(code.value) for code in ExitCode]
