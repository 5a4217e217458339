"""The rows that plans read."""

from typing import Any

from bench.todo_speed.plans import rows_read


def scan(rows: float, *, loops: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "Node Type": "Index Scan",
        "Relation Name": "tasks",
        "Actual Rows": rows,
        "Actual Loops": loops,
    } | more


def node(kind: str, *plans: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Node Type": kind, "Actual Rows": 5, "Actual Loops": 1, "Plans": list(plans)} | more


def test_what_is_read_in_a_loop_counts_each_time() -> None:
    assert rows_read(node("Nested Loop", scan(3), scan(2, loops=3))) == 9


def test_rows_that_a_filter_threw_away_were_read() -> None:
    filtered = {"Rows Removed by Filter": 90, "Rows Removed by Index Recheck": 7}

    assert rows_read(scan(3, **filtered)) == 100


def test_what_is_written_or_computed_was_not_read() -> None:
    plan = node("ModifyTable", node("Result"), **{"Relation Name": "tasks"})

    assert rows_read(plan) == 0
