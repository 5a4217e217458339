"""Text from clients: what is taken, what is trimmed, what is refused."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from tests.staging.growth import assert_linear, filled
from todo.text import (
    FILLED_LINE_PATTERN,
    LINE_PATTERN,
    PROSE_PATTERN,
    filled_line,
    fold_email,
    fold_words,
    line,
    prose,
)

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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.com", "ADA@Example.COM"),
        ("stra\u00dfe@example.com", "STRASSE@example.com"),
        ("\u0130van@example.com", "i\u0307van@example.com"),
        ("jos\u00e9@example.com", "JOSE\u0301@example.com"),
        ("\u03c3\u03c2@example.com", "\u03a3\u03a3@example.com"),
    ],
)
def test_two_spellings_of_one_address_fold_to_the_same(one: str, other: str) -> None:
    assert fold_email(one) == fold_email(other)


@pytest.mark.parametrize("other", ["\u0130van@example.com", "\u0131van@example.com"])
def test_letters_that_some_locales_confuse_stay_apart(other: str) -> None:
    assert fold_email(other) != fold_email("ivan@example.com")


@given(st.text())
def test_a_folded_address_folds_to_itself(address: str) -> None:
    folded = fold_email(address)

    assert fold_email(folded) == folded


def test_words_are_folded_in_one_way_for_every_character() -> None:
    """Whatever is folded stays as it is, and the case of what is folded makes no difference."""
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        folded = fold_words(chr(code))
        assert fold_words(folded) == folded
        assert not set(folded) & set("'\\\"&|!:*()<>-_")


@given(st.text(max_size=200))
def test_folding_words_does_not_depend_on_how_a_text_is_composed(text: str) -> None:
    folded = fold_words(text)

    assert fold_words(folded) == folded
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold_words(unicodedata.normalize(form, text)) == folded


@given(st.text("abcXYZ 019.,-'_\u00e9\u00df", max_size=50))
def test_text_of_ascii_folds_as_any_other(text: str) -> None:
    assert fold_words(f"{text} \u00e9") == f"{fold_words(text)} e".strip()


@pytest.mark.parametrize(
    "shape", ["a ", "\u0301\u0323", "\u0f73", "\u0e35!", "\ufdfa", "\u725b", "-_"]
)
async def test_folding_words_takes_linear_time(shape: str) -> None:
    async def fold(size: int) -> None:
        fold_words(filled(shape, size))

    await assert_linear(fold, f"text of {shape!r}")
