"""A run of the Todo API's benchmark as a file."""

from dataclasses import dataclass, field

from bench.speed.result import Result
from bench.speed.setting import BASE, Setting
from bench.todo_speed.requests import HEALTH, LOGIN, ROUTES

MAIN = Setting(operations=(*ROUTES, HEALTH))
"""32 clients of everybody; the table has 1,000 tasks."""

LOGINS = Setting(connections=4, operations=(LOGIN,))
FLAT = Setting(connections=1, operations=tuple(ROUTES))
LINK = Setting(connections=1, link=5, operations=("one", "create"))

PARTS = {"base": MAIN, "logins": LOGINS, "flat": FLAT, "link": LINK}
"""What can be played by itself."""

SIZES = (1000, 10_000, 100_000, 1_000_000)
"""Tasks of all users together."""

assert MAIN.name == BASE.name  # noqa: S101 - what is fit to be published hangs on it


def sized(size: int) -> str:
    """How results call the Todo API on tables of a size."""
    return f"todo_{size}"


@dataclass
class TodoResult(Result):
    """What came of one run.

    Attributes:
        rows_read: By the plans of one request, by operation and then by size.
    """

    rows_read: dict[str, dict[str, int]] = field(default_factory=dict)
