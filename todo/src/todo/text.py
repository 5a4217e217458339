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


_SEPARATOR = re.compile(r"[^\w\s]|_")
_ASCII_SEPARATORS = re.compile(r"[^a-z0-9]+")
_WITHOUT_SPACES = re.compile(
    "[\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
)
"""Kana and ideographs, of which a text puts no spaces between words."""

_STROKES = str.maketrans(
    {
        "\u00e6": "ae", "\u00f0": "d", "\u00f8": "o", "\u00fe": "th", "\u0111": "d",
        "\u0127": "h", "\u0131": "i", "\u0142": "l", "\u0153": "oe", "\u0167": "t",
    }
)  # fmt: skip
"""Letters that Unicode does not take apart, as in the rules of PostgreSQL's `unaccent`."""

_CHUNK = 64


def fold_words(text: str) -> str:
    """The words of a text without case, accents and punctuation, with a space between two of them.

    Compatible characters become the same, as in NFKD: `½` is `1 2`. Each kana and each ideograph
    is a word. Takes linear time, and is its own fold.
    """
    if text.isascii():
        return _ASCII_SEPARATORS.sub(" ", text.lower()).strip()
    folded = _without_marks(_without_marks(text).casefold()).translate(_STROKES)
    words = _SEPARATOR.sub(_in_place_of, folded)
    return " ".join(_WITHOUT_SPACES.sub(r" \g<0> ", words).split())


def _without_marks(text: str) -> str:
    # Normalizing sorts a row of marks in quadratic time: 10,000 of them would take 0.3 s.
    parts = (text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK))
    apart = "".join(unicodedata.normalize("NFKD", part) for part in parts)
    return "".join(character for character in apart if not unicodedata.combining(character))


def _in_place_of(found: re.Match[str]) -> str:
    character = found[0]
    category = unicodedata.category(character)
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f" or character >= "\U000e0100":
        return ""  # Such as a soft hyphen, or the choice of a variant.
    # Vowel signs, of Devanagari or Thai, are parts of words; no regular expression says so.
    return character if category in {"Mn", "Mc"} else " "
