"""Text from clients: what is taken, what is trimmed, what is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from todo.text import FILLED_LINE_PATTERN, LINE_PATTERN, PROSE_PATTERN, filled_line, line, prose

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]


@pytest.mark.parametrize("character", [*CONTROLS, "\u2028", "\u2029"])
def test_a_line_holds_no_control_character_and_no_line_break(character: str) -> None:
    with pytest.raises(PydanticCustomError, match="one line"):
        line(f"a{character}b")


@pytest.mark.parametrize("character", sorted(set(CONTROLS) - {"\t", "\n", "\r"}))
def test_prose_holds_no_control_character(character: str) -> None:
    with pytest.raises(PydanticCustomError, match="control"):
        prose(f"a{character}b")


def test_prose_keeps_tabs_line_breaks_and_blanks_around_it() -> None:
    assert prose(" a\tb\r\nc\n") == " a\tb\r\nc\n"


def test_a_line_loses_the_blanks_around_it() -> None:
    assert line("\u3000 Grüße aus ☃ \u00a0") == "Grüße aus ☃"


@pytest.mark.parametrize("blank", ["", " ", "\u2003\u00a0"])
def test_a_filled_line_is_not_blank(blank: str) -> None:
    with pytest.raises(PydanticCustomError, match="blank"):
        filled_line(blank)


@given(st.text(max_size=20))
def test_the_documented_patterns_say_what_is_taken(text: str) -> None:
    for check, pattern in (
        (line, LINE_PATTERN),
        (filled_line, FILLED_LINE_PATTERN),
        (prose, PROSE_PATTERN),
    ):
        try:
            check(text)
        except PydanticCustomError:
            assert not re.fullmatch(pattern, text)
        else:
            assert re.fullmatch(pattern, text)
