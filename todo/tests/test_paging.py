"""Cursors: what they hold, and that nothing else is taken for one."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import PydanticCustomError

from todo.paging import LONGEST_CURSOR, Position, decode_cursor, encode_cursor
from todo.tasks.fields import Timestamp, Title

TITLE: TypeAdapter[str] = TypeAdapter(Title)
MOMENT: TypeAdapter[datetime | None] = TypeAdapter(Timestamp | None)


def test_a_cursor_leads_back_to_its_position() -> None:
    position = Position("Grüße ☃", uuid4())
    cursor = encode_cursor(position, scope="here", kind=TITLE)

    assert decode_cursor(cursor, scope="here", kind=TITLE) == position


@pytest.mark.parametrize("moment", [None, datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)])
def test_times_keep_their_microseconds_and_nothing_stays_nothing(moment: datetime | None) -> None:
    position = Position(moment, uuid4())
    cursor = encode_cursor(position, scope="here", kind=MOMENT)

    assert decode_cursor(cursor, scope="here", kind=MOMENT) == position


def test_the_longest_title_makes_a_cursor_that_is_taken_back() -> None:
    cursor = encode_cursor(Position("\N{SNOWMAN}" * 200, uuid4()), scope="here", kind=TITLE)

    assert len(cursor) <= LONGEST_CURSOR


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = encode_cursor(Position("a", uuid4()), scope="here", kind=TITLE)

    with pytest.raises(PydanticCustomError, match="Not a cursor of this list"):
        decode_cursor(cursor, scope="there", kind=TITLE)


def test_a_cursor_with_any_character_changed_is_refused() -> None:
    cursor = encode_cursor(Position("a", uuid4()), scope="here", kind=TITLE)

    for place, old in enumerate(cursor):
        forged = cursor[:place] + ("A" if old != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(PydanticCustomError):
            decode_cursor(forged, scope="here", kind=TITLE)


def test_a_cursor_that_was_cut_is_refused() -> None:
    cursor = encode_cursor(Position("a", uuid4()), scope="here", kind=TITLE)

    for length in range(len(cursor)):
        with pytest.raises(PydanticCustomError):
            decode_cursor(cursor[:length], scope="here", kind=TITLE)


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=60))
def test_no_text_breaks_the_decoder(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        decode_cursor(text, scope="here", kind=TITLE)


@pytest.mark.parametrize(
    "payload",
    [
        ["a\x00b", uuid4().hex],
        [5, uuid4().hex],
        ["a", 5],
        ["a", None],
        ["a", "not a uuid"],
        ["a"],
        {"a": 1, "b": 2},
        None,
        "ab",
    ],
)
def test_a_forged_cursor_cannot_bring_in_what_a_field_would_refuse(payload: object) -> None:
    with pytest.raises(PydanticCustomError):
        decode_cursor(forge(json.dumps(payload).encode()), scope="here", kind=TITLE)


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[" * 100_000, b"[" + b"1" * 5000 + b', "a"]', b'["\\ud800", ""]']
)
def test_a_forged_cursor_of_broken_json_is_refused(payload: bytes) -> None:
    with pytest.raises(PydanticCustomError):
        decode_cursor(forge(payload), scope="here", kind=TITLE)


def forge(payload: bytes) -> str:
    """A cursor with the right checksum, as an attacker could make who has read the source."""
    digest = hashlib.blake2b(payload, key=b"cursor-1", digest_size=9)
    digest.update(b"here")
    cursor = urlsafe_b64encode(digest.digest() + payload).decode().rstrip("=")
    assert urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).endswith(payload)
    return cursor
