"""Each part of a statement is seen once, however often it is referred to."""

from typing import Any

from sqlalchemy import bindparam, column, select, table, union_all

from wellhead.sessions.parts import parts_of

ITEM = table("item", column("id"))


def doubled(times: int) -> Any:
    """A statement of so many CTEs, each of which uses the one before twice."""
    below: Any = select(ITEM.c.id).where(ITEM.c.id == bindparam("id")).cte("cte_0")
    for number in range(1, times):
        twice = union_all(select(below.c.id), select(below.c.id))
        below = select(twice.subquery(f"both_{number}").c.id).cte(f"cte_{number}")
    return select(below.c.id)


def test_a_part_that_is_used_twice_comes_once() -> None:
    counts = [len(list(parts_of(doubled(times)))) for times in (4, 8, 16)]

    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])


def test_every_part_comes() -> None:
    statement = doubled(3)
    parts = list(parts_of(statement))

    assert parts[0] is statement
    assert ITEM in parts
    assert {part.name for part in parts if part.__visit_name__ == "cte"} == {
        "cte_0", "cte_1", "cte_2",
    }  # fmt: skip
