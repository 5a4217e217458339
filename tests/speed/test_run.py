"""A run from its beginning to its end, with two peers and slots too short to measure anything."""

import asyncio
from pathlib import Path

import pytest

from bench.speed.imports import third_party
from bench.speed.peer import BASE, PEERS, ROOT
from bench.speed.play import Length
from bench.speed.run import Run
from bench.speed.setting import Setting


def test_a_run_has_slots_round_trips_and_links(
    public_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    directory = public_directory / "speed"
    directory.mkdir(mode=0o755)
    peers = [peer for peer in PEERS if peer.name in {BASE, "wellhead_session"}]
    settings = [Setting(connections=1, link=1, rows=10)]
    said: list[str] = []

    run = Run(settings, Length(1, 1, 0.05, 0.01), said.append, peers)

    result = run.begin()
    asyncio.run(run.play(result, directory))

    assert [(slot.peer, slot.operation) for slot in result.slots] == [
        (peer.name, operation) for operation in ("read", "write") for peer in peers
    ]
    assert all(slot.requests > 0 and slot.errors == 0 and slot.cpu > 0 for slot in result.slots)
    assert result.round_trips == {
        BASE: {"read": 1, "write": 1},
        "wellhead_session": {"read": 1, "write": 3},
    }
    assert result.links.keys() == {"1"}
    assert said[0].startswith("link=1 rows=10: 4 slots")


def test_only_packages_of_others_are_imported_for_comparison() -> None:
    found = third_party()

    assert {"fastapi", "sqlalchemy", "asyncpg"} <= set(found)
    assert not [name for name in found if "wellhead" in name or name == "json"]
