"""Durations as people write them on a command line: `30d`, `12h`, `2w`."""

import re
from datetime import timedelta

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

WRITTEN = re.compile(rf"([0-9]{{1,5}})([{''.join(UNITS)}])")


def parse_duration(text: str) -> timedelta:
    """The duration that a text such as `30d` means.

    Raises:
        ValueError: It is not a whole number up to 99999 followed by m, h, d or w.
    """
    match = WRITTEN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(
            f"{text!r} is not a duration; write a whole number and a unit (m, h, d or w), "
            "such as 30d, 12h or 2w."
        )
    number, unit = match.groups()
    return timedelta(**{UNITS[unit]: int(number)})
