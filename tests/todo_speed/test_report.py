"""What is made of a run: tables, expectations, a page."""

from pathlib import Path

from bench.todo_speed.__main__ import publish
from bench.todo_speed.report import tables
from bench.todo_speed.result import PARTS, REST, TodoResult, sized
from bench.todo_speed.routes import BASE, ROUTES
from tests.speed import slots
from tests.speed.slots import slot

PAGE = Path(__file__).parents[2] / "docs/explanation/todo-speed.md"
TODO, BY_HAND, BEFORE = "todo", "fastapi_asyncpg", "todo_1f19431"
RATES = {TODO: 60.0, BY_HAND: 100.0, BEFORE: 13.0, sized(100): 70.0, sized(1000): 50.0}


def played() -> TodoResult:
    """A run in which everybody is always as fast."""
    common = slots.result()
    return TodoResult(
        conditions={**common.conditions, "sizes": [100, 1000], "planned": []},
        peers={TODO: "**Todo API**", BY_HAND: "by hand", BEFORE: "before"},
        slots=[
            slot(peer, number, setting=setting.name, operation=operation, rate=rate)
            for setting in PARTS.values()
            for operation in setting.operations
            for peer, rate in RATES.items()
            for number in range(3)
        ],
        rows_read={operation: {"100": 7, "1000": 7} for operation in BASE},
        calls={TODO: dict.fromkeys(REST.operations, 600), BY_HAND: {"bulk": 900}},
        trips={operation: 1 + (operation == "with_api_token") for operation in REST.operations},
    )


def expected(run: TodoResult) -> str:
    return tables(run)["expected"]


def test_an_expectation_says_whether_it_was_reached() -> None:
    told = expected(played())

    assert (
        "| `GET /tasks/{id}`, requests/s by FastAPI + asyncpg, by hand | at least 0.6 "
        "| 0.60 (0.60 to 0.60) | yes |" in told
    )
    assert (
        "| `GET /tasks/{id}`, requests/s by the Todo API of 1f19431 | at least 5 "
        "| 4.62 (4.62 to 4.62) | **no** |" in told
    )
    assert (
        "| `GET /health`, CPU time by a bare route of FastAPI's | at most 1.6 "
        "| 1.67 (1.67 to 1.67) | **no** |" in told
    )


def test_what_grows_with_the_tasks_of_others_is_told() -> None:
    run = played()
    assert (
        "CPU time with 1,000 tasks by that with 100 | at most 1.1 | 1.40 (1.40 to 1.40) | **no** |"
        in expected(run)
    )
    assert "| at most 1.1 | 1.00 (1.00 to 1.00) | yes |" in expected(run)

    run.rows_read["list"]["1000"] = 70
    assert "| at most 1.1 | 10.00 (10.00 to 10.00) | **no** |" in expected(run)


def test_what_was_not_played_is_not_measured_and_has_no_table() -> None:
    run = played()
    run.slots = [each for each in run.slots if each.setting == "base"]
    run.rows_read, run.calls = {}, {}

    assert tables(run).keys() == {"expected", "base", "conditions"}
    assert expected(run).count("not measured") == 4 + 1 + 2


def test_a_route_has_a_row_with_the_figures_of_everybody() -> None:
    line = next(
        line for line in tables(played())["base"].splitlines() if ROUTES["create"].title in line
    )

    assert line == "| `POST /tasks` | 16.67 | 10.00 | 76.92 | 60 | 100 | 13 | 1.67 (1.67 to 1.67) |"


def test_a_route_is_told_next_to_those_that_do_the_same_work() -> None:
    run = played()
    line = next(line for line in tables(run)["rest"].splitlines() if "bulk" in line)

    assert line == (
        "| `POST /tasks/bulk`, 100 tasks by id | 1 | 600 | 16.67 | 900 | 10.00 "
        "| 100 times `PATCH /tasks/{id}/complete` | 0.01 (0.01 to 0.01) |"
    )
    assert "| `GET /tasks/{id}` with an API token | 2 | 600 | 16.67 | - |" in tables(run)["rest"]
    assert (
        "bulk`, 100 tasks by id, CPU time by that of 100 times `PATCH /tasks/{id}/complete` "
        "| at most 0.1 | 0.01 (0.01 to 0.01) | yes |" in tables(run)["rest-expected"]
    )
    assert (
        "nothing new, CPU time by FastAPI + asyncpg, by hand | at most 1.67 "
        "| 1.67 (1.67 to 1.67) | yes |" in tables(run)["rest-expected"]
    )


def test_how_busy_the_server_was_is_told() -> None:
    assert "- The server's core was 98% busy or more" in tables(played())["conditions"]


def test_rows_that_were_not_counted_leave_their_cells_empty() -> None:
    run = played()
    run.rows_read = {}

    assert "| `POST /tasks` | 14.29 | 20.00 | - | - |" in tables(run)["flat"]


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = played()

    assert TodoResult.read(run.write(tmp_path)) == run


def test_the_page_has_a_place_for_every_table(tmp_path: Path) -> None:
    page = tmp_path / "todo-speed.md"
    page.write_text(PAGE.read_text())

    publish(played(), page)

    assert "Not measured yet" not in page.read_text()
    assert "Logins a second with Argon2 as the settings come: 60.00" in page.read_text()
