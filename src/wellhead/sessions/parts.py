"""The parts from which a statement is built."""

from collections.abc import Iterator
from typing import Any


def parts_of(clause: Any) -> Iterator[Any]:
    """A statement or a clause, and each of its parts once.

    SQLAlchemy's own iteration visits a part as often as something refers to it. With CTEs that each
    use the previous one twice, that doubles with every one of them.
    """
    waiting: list[Any] = [clause]
    # Kept alive, since some are created on request: another one could get the same identity.
    seen: dict[int, Any] = {}
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen[id(part)] = part
            yield part
            waiting += part.get_children()
