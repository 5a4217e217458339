"""One run as a file: what was measured, where, and on what."""

import datetime as dt
import json
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from bench.speed.peer import BASE, ROOT
from bench.speed.play import LEAST_ROUNDS, Slot
from bench.speed.ratio import Spread, ratio
from bench.speed.setting import BASE as BASE_POINT

_WELLHEAD = ("wellhead", "fastapi", "starlette", "pydantic", "sqlalchemy", "sqlmodel")
_OTHERS = ("asyncpg", "psycopg", "advanced-alchemy", "fastsqla", "sqlspec")
_SERVING = ("uvicorn", "uvloop", "httptools")


@dataclass
class Result:
    """What came of one run.

    Attributes:
        conditions: Where and how it was measured, by name.
        peers: Titles of the peers that were measured, by name, in the order of the tables.
        left_out: Why others were not, by title.
        round_trips: Of each peer, for a read and for a write.
        links: What a bare query took over each staged link, in milliseconds.
        imports: CPU seconds to import Wellhead, and its third-party packages alone; by turns.
        slots: Everything else.
    """

    conditions: dict[str, Any]
    peers: dict[str, str]
    left_out: dict[str, str] = field(default_factory=dict)
    round_trips: dict[str, dict[str, float]] = field(default_factory=dict)
    links: dict[str, float] = field(default_factory=dict)
    imports: list[tuple[float, float]] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Self:
        """A run of before."""
        held = json.loads(path.read_text())
        held["slots"] = [Slot(**each) for each in held["slots"]]
        return cls(**held)

    def write(self, folder: Path) -> Path:
        """Put it in a file that is named for its time; one that is not to be published, unfit."""
        time = self.conditions["measured"].replace(":", "-")
        path = folder / f"{time}{'' if self.is_fit else '-unfit'}.json"
        folder.mkdir(parents=True, exist_ok=True)
        # A line for each slot, so that two runs can be compared by eye.
        held = asdict(self)
        slots = ",\n".join(json.dumps(each) for each in held.pop("slots"))
        path.write_text(f'{json.dumps(held, indent=1)[:-2]},\n "slots": [\n{slots}\n]}}\n')
        return path

    def slots_of(self, setting: str, operation: str, peer: str) -> list[Slot]:
        """The slots that count: the clean ones, and in a quick run all."""
        return [
            slot
            for slot in self.slots
            if (slot.setting, slot.operation, slot.peer) == (setting, operation, peer)
            and (slot.is_clean or self.conditions["quick"])
            and not slot.unanswered
        ]

    def spread(self, setting: str, operation: str, peer: str, metric: str) -> Spread | None:
        """A metric over all rounds; None where too few of them are clean."""
        slots = self.slots_of(setting, operation, peer)
        return self._if_enough(Spread.of(getattr(slot, metric) for slot in slots))

    def ratio(
        self, setting: str, operation: str, peer: str, metric: str, *, to: str = BASE
    ) -> Spread | None:
        """A metric by that of another peer, round by round; None where too few are clean."""
        mine, theirs = (self.slots_of(setting, operation, each) for each in (peer, to))
        return self._if_enough(ratio(mine, theirs, metric))

    def _if_enough(self, found: Spread | None) -> Spread | None:
        least = 1 if self.conditions["quick"] else min(LEAST_ROUNDS, self.conditions["rounds"])
        return found if found is not None and found.count >= least else None

    def is_stuck(self, setting: str, operation: str, peer: str) -> bool:
        """Whether the peer left requests unanswered."""
        return any(
            slot.unanswered
            for slot in self.slots
            if (slot.setting, slot.operation, slot.peer) == (setting, operation, peer)
        )

    @property
    def gaps(self) -> list[str]:
        """What has too few clean rounds in common with the base peer."""
        return [
            f"{peer}, {setting}, {operation}"
            for setting, operation in self.conditions["planned"]
            for peer in self.peers
            if not self.is_stuck(setting, operation, peer)
            and self.ratio(setting, operation, peer, "cpu") is None
        ]

    @property
    def is_fit(self) -> bool:
        """Whether it can be published: the base point has no gaps."""
        return not any(f", {BASE_POINT.name}, " in gap for gap in self.gaps)


def conditions(**more: Any) -> dict[str, Any]:
    """Where and on what this is measured; more is taken along."""
    versions = {}
    for name in (*_WELLHEAD, *_OTHERS, *_SERVING):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "measured": f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%dT%H:%M:%S}Z",
        "commit": _commit(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "arguments": sys.argv[1:],
        "versions": versions,
        **more,
    }


def _commit() -> str:
    ask = ["git", "describe", "--always", "--dirty"]
    try:
        return subprocess.check_output(ask, cwd=ROOT, text=True, stderr=subprocess.PIPE).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
