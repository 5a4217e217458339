"""What is made of a run: ratios, tables, plots and files."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.speed import plot
from bench.speed.__main__ import publish
from bench.speed.ratio import Spread
from bench.speed.report import tables
from bench.speed.result import Result
from bench.speed.setting import FULL, stages
from tests.speed.slots import result, slot

BASE, USUAL = "fastapi_asyncpg", "usual_way"


def test_a_ratio_is_taken_within_each_round() -> None:
    """The machine is half as fast in the second round; the ratio stays."""
    run = result(
        *(slot(BASE, 0, rate=400), slot(USUAL, 0, rate=100)),
        *(slot(BASE, 1, rate=200), slot(USUAL, 1, rate=50)),
    )

    assert run.ratio("base", "read", USUAL, "rate") == Spread(0.25, 0.25, 0.25, 2)


@pytest.mark.parametrize(("steal", "others"), [(0.07, 0.0), (0.0, 0.05)])
def test_a_dirty_slot_is_in_no_ratio(steal: float, others: float) -> None:
    run = result(
        *(slot(BASE, 0), slot(USUAL, 0, rate=50)),
        *(slot(BASE, 1, steal=steal, others=others), slot(USUAL, 1, rate=90)),
    )

    assert run.ratio("base", "read", USUAL, "rate") == Spread(0.5, 0.5, 0.5, 1)


def test_a_quick_run_counts_dirty_slots_and_says_so() -> None:
    run = result(slot(BASE, 0, steal=0.5), slot(USUAL, 0, rate=50), quick=True)

    assert run.ratio("base", "read", USUAL, "rate") == Spread(0.5, 0.5, 0.5, 1)
    assert "1 of 2 slots are dirty and counted all the same" in tables(run)["conditions"]


def test_a_run_with_too_few_clean_rounds_names_what_lacks_them() -> None:
    rounds = range(3)
    run = result(
        *(slot(BASE, number) for number in rounds),
        *(slot(USUAL, number, steal=0.5 if number == 1 else 0.0) for number in rounds),
        rounds=3,
    )

    assert run.gaps == ["usual_way, base, read"]
    assert not run.is_fit
    assert run.spread("base", "read", USUAL, "rate") is None
    assert "empty for lack of clean rounds: 1 with base, read." in tables(run)["conditions"]


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = result(slot(BASE, 0), slot(USUAL, 0), rounds=1)
    run.round_trips = {BASE: {"read": 1.0, "write": 1.0}}

    path = run.write(tmp_path)

    assert Result.read(path) == run
    assert path.name == "2026-11-29T17-30-00Z.json"


def test_the_file_of_a_run_with_gaps_says_so(tmp_path: Path) -> None:
    assert result(slot(BASE, 0), slot(USUAL, 0, steal=1)).write(tmp_path).stem.endswith("-unfit")


def test_a_table_has_a_row_for_each_peer_and_no_empty_column() -> None:
    run = result(slot(BASE, 0, rate=400), slot(USUAL, 0, rate=100))

    assert tables(run)["base"].splitlines() == [
        "| | GET, CPU ms | GET/s | GET/s, ratio |",
        "|---|---|---|---|",
        "| FastAPI + asyncpg | 2.50 | 400 | 1 |",
        "| the usual way | 10.00 | 100 | 0.25 (0.25 to 0.25) |",
    ]


def test_what_was_not_played_has_no_table() -> None:
    assert tables(result(slot(BASE, 0), slot(USUAL, 0))).keys() == {
        "expected",
        "base",
        "conditions",
    }


def test_an_expectation_says_whether_it_was_reached() -> None:
    rates = {USUAL: 100.0, "wellhead_session": 119.0}
    run = result(*(slot(peer, 0, rate=rate) for peer, rate in rates.items()))
    run.peers["wellhead_session"] = "Wellhead"

    lines = tables(run)["expected"].splitlines()

    assert (
        "| `ReaderDep`, requests/s by the usual way | at least 1.2 | 1.19 (1.19 to 1.19) | **no** |"
        in lines
    )
    assert (
        "| compiled read, requests/s by FastAPI + asyncpg | at least 0.85 | - | not measured |"
        in lines
    )


def test_errors_are_told() -> None:
    run = result(slot(BASE, 0), slot(USUAL, 0, errors=7))

    assert "Responses that were errors: the usual way, base: 7." in tables(run)["conditions"]


def test_a_peer_that_got_stuck_is_told_and_is_no_gap() -> None:
    rounds = [slot(BASE, number) for number in range(3)]
    run = result(*rounds, slot(USUAL, 0), slot(USUAL, 1, unanswered=256))

    assert run.gaps == []
    assert "| the usual way | no response | no response | no response |" in tables(run)["base"]
    assert (
        "Requests without a response within 10 s: the usual way, base: 256."
        in (tables(run)["conditions"])
    )


def test_what_was_left_out_is_told_with_the_reason() -> None:
    run = result(slot(BASE, 0))
    run.left_out = {"FastSQLA": "`fastsqla` is not installed with Python 3.11"}

    assert "- Left out: FastSQLA; `fastsqla` is not installed" in tables(run)["conditions"]


def test_the_page_has_a_place_for_every_table(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text((Path(__file__).parents[2] / "docs/explanation/speed.md").read_text())
    played = [
        slot(peer, number, setting=setting.name, operation=operation)
        for setting in FULL
        for operation in setting.operations
        for peer in (BASE, USUAL)
        for number in range(3)
    ]

    publish(result(*played), page)

    assert page.read_text().count("| the usual way |") == 6
    assert "Not measured yet" not in page.read_text()
    assert {path.name for path in (tmp_path / "speed").iterdir()} == {
        f"{name}-{theme}.svg" for name in ("cpu", "rate", "link") for theme in plot.THEMES
    }


@pytest.mark.parametrize("theme", plot.THEMES)
def test_a_plot_is_an_image_with_a_bar_for_each_figure(theme: str) -> None:
    rows: dict[str, list[Spread | None]] = {
        "**Wellhead**: `ReaderDep`": [Spread(2.0, 1.5, 2.5, 5), Spread(1.0, 1.0, 1.0, 5)],
        "A & B": [Spread(4.0, 4.0, 4.0, 5), None],
    }

    image = ET.fromstring(plot.bars("CPU time, ms", ("GET", "POST"), rows, theme))  # noqa: S314

    space = "{http://www.w3.org/2000/svg}"
    legend, figures = 2, 3
    assert len(image.findall(f"{space}rect")) == legend + figures
    told = [text.text for text in image.iter(f"{space}text")]
    assert "Wellhead: ReaderDep" in told
    assert "A & B" in told


def test_a_stage_is_started_once_for_all_its_settings() -> None:
    counts = [len(settings) for _, settings in stages(FULL)]

    assert counts == [3, 3, 1, 1, 1, 1, 1]
