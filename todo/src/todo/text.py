"""Text from clients: only what PostgreSQL, logs and terminals can all carry, and how it compares.

PostgreSQL's `text` cannot store NUL, and a control character in a title is of no use. Lone
surrogates are refused by pydantic before anything here runs.

Text is folded here and stored folded: `lower()` in PostgreSQL depends on the database's locale, and
agrees with no function of Python's.
"""

import re
import unicodedata

from pydantic_core import PydanticCustomError

LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
"""One line of text, as a JSON Schema pattern."""

FILLED_LINE_PATTERN = (
    r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*"
    r"[^\s\x00-\x1f\x7f-\x9f\u2028\u2029][^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
)
"""One line of text with something on it, as a JSON Schema pattern."""

PROSE_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
"""Text of many lines, as a JSON Schema pattern."""

_LINE = re.compile(LINE_PATTERN)
_PROSE = re.compile(PROSE_PATTERN)


def line(value: str) -> str:
    """One line of text without surrounding white space; may become empty.

    Raises:
        PydanticCustomError: It contains a control character or a line break.
    """
    if not _LINE.fullmatch(value):
        raise PydanticCustomError(
            "text_control_characters",
            "Must be one line of text, without line breaks and control characters",
        )
    return value.strip()


def filled_line(value: str) -> str:
    """Like `line`, but not empty.

    Raises:
        PydanticCustomError: It is blank, or not one line.
    """
    text = line(value)
    if not text:
        raise PydanticCustomError("text_blank", "Must not be blank")
    return text


def prose(value: str) -> str:
    """Text of many lines, as it was sent.

    Raises:
        PydanticCustomError: It contains a control character other than tab and line break.
    """
    if not _PROSE.fullmatch(value):
        raise PydanticCustomError(
            "text_control_characters",
            "Must be text without control characters other than tab and line break",
        )
    return value


def fold_email(address: str) -> str:
    """The form in which two spellings of one e-mail address are equal; folding twice is fine.

    Unicode's canonical caseless match (The Unicode Standard, section 3.13, D145): without regard to
    case and to how accents are composed. The local part, too, since no mail provider distinguishes
    `Ada@` from `ada@`.
    """
    decomposed = unicodedata.normalize("NFD", address)
    return unicodedata.normalize("NFC", decomposed.casefold())
