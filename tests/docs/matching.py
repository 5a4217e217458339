"""Whether what came back is what a page says, ``…`` standing for what changes each time."""

import json
import re

ANYTHING = "…"

# Where a value of JSON is expected; within a string the mark is part of the text.
_BARE = re.compile(rf"(?<=[:\[,])(\s*){ANYTHING}")
_UNREADABLE = object()


def matches(expected: str, found: str) -> bool:
    """Compare two outputs, as JSON where both are JSON, so that the order of members is free.

    Args:
        expected: What the page says. ``…`` stands for any text within a line, for any lines on a
            line of its own, and in JSON for any value or part of a string.
        found: What came back.
    """
    wished, answer = _json(_BARE.sub(rf'\1"{ANYTHING}"', expected)), _json(found)
    if wished is not _UNREADABLE and answer is not _UNREADABLE:
        return _same(wished, answer)
    lines = (
        r"(?:.*\n)*?" if line == ANYTHING else rf"{_pattern(line)}\n"
        for line in expected.strip().splitlines()
    )
    text = "".join(f"{line}\n" for line in found.strip().splitlines())
    return re.fullmatch("".join(lines), text) is not None


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return _UNREADABLE


def _same(expected: object, found: object) -> bool:
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(
            _same(value, found[name]) for name, value in expected.items()
        )
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_same, expected, found))
    if expected == ANYTHING:
        return True
    if isinstance(expected, str) and isinstance(found, str):
        return re.fullmatch(_pattern(expected), found) is not None
    return type(expected) is type(found) and expected == found


def _pattern(text: str) -> str:
    return re.escape(text).replace(ANYTHING, ".*?")
