"""The comparison that the pages rely on tells right from wrong."""

import pytest

from tests.docs.matching import matches
from tests.docs.pages import Block
from tests.docs.transcript import Command, commands_of


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("", "\n"),
        ("one\ntwo", "one\ntwo\n"),
        ("took … s", "took 0.3 s"),
        ("…\nlast", "last"),
        ("…\nlast", "first\nsecond\nlast"),
        ("first\n…", "first\n"),
        ('{"a":1,"b":2}', '{"b": 2, "a": 1}'),
        ('{"id":…,"age":…}', '{"id": "x", "age": 0.5}'),
        ('[{"at": "…Z"}]', '[{"at": "2030Z"}]'),
    ],
)
def test_what_the_page_says_is_found(expected: str, found: str) -> None:
    assert matches(expected, found)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("", "something"),
        ("one", "one\ntwo"),
        ("one\ntwo", "one"),
        ("a.c", "abc"),
        ("took … s", "took\n0.3 s"),
        ("…\nlast", "last\nand more"),
        ('{"a":1}', '{"a": 1, "b": 2}'),
        ('{"a":1}', '{"a": true}'),
        ('["…Z"]', '["2030"]'),
        ("[1, 2]", "[2, 1]"),
    ],
)
def test_anything_else_is_not(expected: str, found: str) -> None:
    assert not matches(expected, found)


def test_commands_are_told_from_what_they_answer() -> None:
    text = "$ curl -s \\\n    -d x\n{}\n^C\n$ make run\n…\n"

    assert commands_of(Block("console", None, text, 10)) == [
        Command("curl -s \\\n    -d x", "{}", 10),
        Command("^C", "", 13),
        Command("make run", "…", 14),
    ]
