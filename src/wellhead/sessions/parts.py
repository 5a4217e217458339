"""The parts that a statement is built of."""

from collections.abc import Iterator
from typing import Any


def parts_of(clause: Any) -> Iterator[Any]:
    """A statement or a clause, and each of its parts once.

    SQLAlchemy's own iteration comes to a part as often as something refers to it. Among CTEs that
    each use the one before twice, that doubles with every one of them.
    """
    waiting: list[Any] = [clause]
    # Kept, since some are made when they are asked for: another one could get their identity.
    seen: dict[int, Any] = {}
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen[id(part)] = part
            yield part
            waiting += part.get_children()
