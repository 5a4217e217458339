"""Entity tags on both sides: `ETag`, `If-Match`, `If-None-Match`."""

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from todo.etag import etag, parse_entity_tags
from todo.revisions import Revisions


def parsed(*lines: str, weak: bool = False) -> Revisions | None:
    return parse_entity_tags(lines, header="If-Match", weak=weak)


def test_no_header_sets_no_condition() -> None:
    assert parsed() is None


def test_a_star_accepts_every_revision() -> None:
    accepted = parsed(" * ")

    assert accepted is not None
    assert "anything" in accepted


@pytest.mark.parametrize(
    "lines",
    [
        ('"a", "b"',),
        ('"a"', '"b"'),
        ('"a","b"',),
        (', "a" ,, "b",',),
    ],
)
def test_a_list_accepts_each_of_its_members(lines: tuple[str, ...]) -> None:
    assert parsed(*lines) == Revisions(frozenset({"a", "b"}))


def test_a_comma_inside_the_quotes_belongs_to_the_tag() -> None:
    assert parsed('"a,b"') == Revisions(frozenset({"a,b"}))


def test_a_weak_tag_never_allows_a_change() -> None:
    assert parsed('W/"a", "b"') == Revisions(frozenset({"b"}))


def test_a_weak_tag_stands_for_its_revision_when_reading() -> None:
    assert parsed('W/"a", "b"', weak=True) == Revisions(frozenset({"a", "b"}))


@pytest.mark.parametrize(
    "value", ["", "a", '"a', "a, b", '"a" "b"', '*, "a"', 'w/"a"', "W/a", '"a\x7f"', '"a b"', ","]
)
def test_anything_else_is_refused_with_400(value: str) -> None:
    with pytest.raises(HTTPException, match="If-Match must be") as refused:
        parsed(value)

    assert refused.value.status_code == 400


@given(st.text(max_size=50))
def test_no_text_breaks_the_parser(value: str) -> None:
    try:
        accepted = parsed(value)
    except HTTPException:
        accepted = Revisions(frozenset())

    assert accepted is not None


def test_a_long_row_of_blanks_and_commas_is_refused_in_one_go() -> None:
    with pytest.raises(HTTPException):
        parsed(", " * 20_000 + "x")


def test_what_is_sent_is_understood_when_it_comes_back() -> None:
    assert parsed(etag("3.1.2")) == Revisions(frozenset({"3.1.2"}))
