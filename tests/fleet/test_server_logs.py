"""What a server took, and when it was elected, is read in its own log."""

import time
from pathlib import Path

import pytest

from bench.fleet.faults.server_logs import ServerLogs

BEFORE = "1000.500 LOG:  taken in tasks: before\n1000.600 LOG:  selected new timeline ID: 2\n"


def say(log: Path, at: float, words: str) -> None:
    with log.open("a") as file:
        file.write(f"2026-11-30 12:00:00,000 INFO: a line of Patroni\n{at:.3f} LOG:  {words}\n")


@pytest.fixture
def logs(tmp_path: Path) -> dict[str, Path]:
    """The logs of two servers that have said something before."""
    made = {name: tmp_path / name for name in ("one", "two")}
    for log in made.values():
        log.write_text(BEFORE)
    return made


def test_what_was_said_before_does_not_count(logs: dict[str, Path]) -> None:
    began = time.monotonic()
    said = ServerLogs(logs, primary="one")

    [first] = said.promotions()
    assert first.server == "one"
    assert began <= first.at <= time.monotonic()
    assert said.takers("tasks") == {}


def test_an_election_is_on_the_clock_of_the_clients(logs: dict[str, Path]) -> None:
    said = ServerLogs(logs, primary="one")
    ago = time.time() - time.monotonic()
    say(logs["two"], ago + 10**6, "selected new timeline ID: 3")

    [_, elected] = said.promotions()
    assert elected.server == "two"
    assert elected.at == pytest.approx(10**6, abs=0.1)


def test_the_last_server_that_took_a_write_counts(logs: dict[str, Path]) -> None:
    said = ServerLogs(logs, primary="one")
    say(logs["two"], 7, "taken in tasks: twice")
    say(logs["one"], 5, "taken in tasks: twice")
    say(logs["one"], 6, "taken in tasks: once, with a comma: and a colon")
    say(logs["one"], 6, "taken in usual_tasks: elsewhere")

    assert said.takers("tasks") == {"twice": "two", "once, with a comma: and a colon": "one"}
    assert said.takers("usual_tasks") == {"elsewhere": "one"}
