"""The table of the fleet's outages counts broken promises of each kind, one row an application."""

from collections import Counter
from dataclasses import replace

from bench.faults.ledger import Outcome
from bench.faults.verdict import Wrong
from bench.fleet.consistency import Findings
from bench.fleet.faults.outage import PrimaryCutOff
from bench.fleet.faults.route import Route
from bench.fleet.faults.summary import table
from bench.fleet.faults.trial import Suffered, Trial
from bench.fleet.history import Kind, Operation

NOTHING = Findings([], [], [], [], [], [], [])
WRITE = Operation(1, "a", Kind.WRITE, 1, 2, 3, Outcome.ACKNOWLEDGED, "one")
WELL = Suffered("the first", 9, Counter(), NOTHING, [], 1.25, 0.5, 2.5, recovered=0.1)


def rows(*suffered: Suffered) -> list[list[str]]:
    trial = Trial(PrimaryCutOff(), Route.HAPROXY, suffered)
    lines = table([trial], seed=1, servers="PostgreSQL", left_out=[]).splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]


def test_an_application_that_keeps_its_promises_has_zeros() -> None:
    [_, row] = rows(WELL)

    assert row[1:] == ["the first", "no failure", *"0000", "nothing", "1.2", "0.5"]


def test_writes_of_an_old_primary_have_a_column_of_their_own() -> None:
    findings = replace(NOTHING, lost=[WRITE, WRITE], from_old_primaries=[WRITE], denied=[WRITE])
    broken = replace(
        WELL,
        app="the second",
        failures=Counter({"503": 2}),
        findings=findings,
        wrongs=[Wrong("lost", ""), Wrong("torn", "")],
    )
    [head, _, row] = rows(WELL, broken)

    assert dict(zip(head, row, strict=True)) == {
        "Fault": PrimaryCutOff.name,
        "application": "the second",
        "clients saw": "2 x 503",
        "stale": "0",
        "not monotonic": "0",
        "lost": "2",
        "old primary": "1",
        "otherwise broken": "1 denied, 1 torn",
        "s without writes": "1.2",
        "s without reads": "0.5",
    }
