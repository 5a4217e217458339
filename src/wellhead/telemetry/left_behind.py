"""The counters of workers that have ended, so that sums over workers never go back.

To Prometheus a counter that falls has begun again, and everything it then counts is new. So a
worker writes down what it tells, before it tells it; its counters remain part of the sums.
"""

import json
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_APART = 8
"""Workers that have ended whose counters are kept apart; those of more are added up."""

_REMEMBERED = 100
_ENDING = ".told"
_TOGETHER = "ended.json"

Figures = Any
"""What a worker told, as JSON."""


class LeftBehind:
    """What the workers of one service have told last.

    Args:
        directory: That of the workers; only they can enter it.
        add: Adds up what several workers told.
    """

    def __init__(self, directory: Path, add: Callable[[list[Figures]], Figures]) -> None:
        self._directory = directory
        self._add = add

    def write(self, worker: str, told: Figures) -> None:
        """Keep what a worker is about to tell, in place of what it told before."""
        _write(self._directory / f"{worker}{_ENDING}", told)

    def read(self, *, without: Collection[str]) -> list[Figures]:
        """What the workers other than these told last."""
        # First those that are kept apart: one that is being added up is in one of the two.
        apart = self._apart(without)
        together = self._together()
        told = [each for name, each in apart.items() if name not in together["workers"]]
        if len(apart) > MOST_APART:
            self._put_together(without)
        return told if together["told"] is None else [*told, together["told"]]

    def _apart(self, without: Collection[str]) -> dict[str, Figures]:
        found = {}
        for path in self._directory.glob(f"*{_ENDING}"):
            name = path.name.removesuffix(_ENDING)
            if name not in without:
                # Another worker may have added it up in between.
                with suppress(OSError, ValueError):
                    found[name] = json.loads(path.read_bytes())
        return found

    def _together(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self._directory / _TOGETHER).read_bytes())
        except (OSError, ValueError):
            return {"workers": [], "told": None}
        return found

    def _put_together(self, without: Collection[str]) -> None:
        import fcntl  # noqa: PLC0415 - Windows has none, and no other workers

        with (self._directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # Another worker is at it.
                return
            before, apart = self._together(), self._apart(without)
            added = {name: each for name, each in apart.items() if name not in before["workers"]}
            told = [*added.values(), *([] if before["told"] is None else [before["told"]])]
            names = [*before["workers"], *added][-_REMEMBERED:]
            _write(self._directory / _TOGETHER, {"workers": names, "told": self._add(told)})
            for name in apart:
                (self._directory / f"{name}{_ENDING}").unlink(missing_ok=True)


def _write(path: Path, figures: Figures) -> None:
    # In one step: another worker may read it at any time, and this one may end at any time.
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(figures), encoding="utf-8")
    fresh.replace(path)
