"""`--help` of every command of `wellhead` and `todo`: flags as flags, and whole sentences."""

import re
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.testing import CliRunner

from todo.cli import app as todo
from wellhead.cli.app import app as wellhead

APPS = {"wellhead": wellhead, "todo": todo}


def paths_below(group: TyperGroup, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from paths_below(command, *path, name)
        else:
            yield (*path, name)


def group_of(name: str) -> TyperGroup:
    group = typer.main.get_command(APPS[name])
    assert isinstance(group, TyperGroup)
    return group


def command_at(path: tuple[str, ...]) -> TyperCommand | TyperGroup:
    name, *rest = path
    command: object = group_of(name)
    for part in rest:
        assert isinstance(command, TyperGroup)
        command = command.commands[part]
    assert isinstance(command, TyperCommand | TyperGroup)
    return command


def help_of(path: tuple[str, ...]) -> str:
    name, *rest = path
    shown = CliRunner().invoke(APPS[name], [*rest, "--help"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0
    return shown.stdout


COMMANDS = [path for name in APPS for path in paths_below(group_of(name), name)]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_flags_are_shown_as_flags(path: tuple[str, ...]) -> None:
    flags = {"--help"} | {
        option
        for parameter in command_at(path).params
        if isinstance(parameter, TyperOption) and parameter.is_flag
        for option in parameter.opts
    }
    shown = dict(
        re.findall(r"^  (--[a-z-]+)(?: / --[a-z-]+)?  +(\S.*)$", help_of(path), re.MULTILINE)
    )

    assert flags <= shown.keys()
    assert [flag for flag in flags if not shown[flag][0].isupper()] == []


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_sentence_is_cut(path: tuple[str, ...]) -> None:
    assert "..." not in help_of(path).partition("Commands:")[2]


def test_what_is_in_brackets_is_shown() -> None:
    assert "[tool.alembic] in" in " ".join(help_of(("wellhead", "migrate", "up")).split())
