"""A run of the Todo API's benchmark as a file."""

from dataclasses import dataclass, field

from bench.speed.result import Result
from bench.speed.setting import BASE as BASE_POINT
from bench.speed.setting import Setting
from bench.todo_speed.routes import BASE, HEALTH, LOGIN, OTHERS

MAIN = Setting(operations=(*BASE, HEALTH))
"""32 clients of everybody; the table has 1,000 tasks."""

LOGINS = Setting(connections=4, operations=(LOGIN,))
FLAT = Setting(connections=1, operations=tuple(BASE))
LINK = Setting(connections=1, link=5, operations=("one", "create"))

REST = Setting(connections=1, operations=(*OTHERS, *BASE))
"""One client, so that each request finds the tasks as the one before left them."""

PARTS = {"base": MAIN, "logins": LOGINS, "rest": REST, "flat": FLAT, "link": LINK}
"""What can be played by itself."""

SIZES = (1000, 10_000, 100_000, 1_000_000)
"""Tasks of all users together."""

assert MAIN.name == BASE_POINT.name  # noqa: S101 - what is fit to be published hangs on it


def sized(size: int) -> str:
    """How results call the Todo API on tables of a size."""
    return f"todo_{size}"


@dataclass
class TodoResult(Result):
    """What came of one run.

    Attributes:
        rows_read: By the plans of one request, by operation and then by size.
        calls: Python functions that one request calls, by peer and then by operation.
        trips: Round trips of one request to the Todo API, by operation.
    """

    rows_read: dict[str, dict[str, int]] = field(default_factory=dict)
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    trips: dict[str, float] = field(default_factory=dict)
