"""What happens to the standbys while clients read from them; a seed brings the order back."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

from tests.staging.streaming import Standby


class _State(StrEnum):
    REPLAYING = "replaying"
    PAUSED = "paused"
    DOWN = "down"


class Act(StrEnum):
    """What may happen to a standby."""

    PAUSE = "replay paused"
    RESUME = "replay resumed"
    STOP = "shut down"
    KILL = "killed"
    START = "started"


_DOES: dict[Act, Callable[[Standby], Awaitable[None]]] = {
    Act.PAUSE: Standby.pause_replay,
    Act.RESUME: Standby.resume_replay,
    Act.STOP: Standby.stop,
    Act.KILL: Standby.kill,
    Act.START: Standby.start,
}
_ALLOWED = {
    _State.REPLAYING: (Act.PAUSE, Act.STOP, Act.KILL),
    _State.PAUSED: (Act.RESUME, Act.KILL),
    _State.DOWN: (Act.START,),
}
_LEADS_TO = {
    Act.PAUSE: _State.PAUSED,
    Act.RESUME: _State.REPLAYING,
    Act.STOP: _State.DOWN,
    Act.KILL: _State.DOWN,
    Act.START: _State.REPLAYING,
}


class Nemesis:
    """Takes one standby after the other, and does to it what has happened least often so far.

    Args:
        standbys: All of them, replaying.
        rng: Chooses between equals.
        acts: What may happen.

    Attributes:
        happened: How often each act has happened.
    """

    def __init__(
        self, standbys: Sequence[Standby], rng: random.Random, acts: Sequence[Act] = tuple(Act)
    ) -> None:
        self._states = dict.fromkeys(standbys, _State.REPLAYING)
        self._rng = rng
        self._acts = acts
        self.happened: Counter[Act] = Counter()

    @property
    def replaying(self) -> int:
        """How many standbys run and replay what arrives."""
        return [*self._states.values()].count(_State.REPLAYING)

    async def act(self) -> None:
        """Do one thing to one standby; returns when it has taken effect."""
        choices = [
            (self.happened[act], self._rng.random(), standby, act)
            for standby, state in self._states.items()
            for act in _ALLOWED[state]
            if act in self._acts
        ]
        _, _, standby, act = min(choices, key=lambda each: each[:2])
        await _DOES[act](standby)
        self._states[standby] = _LEADS_TO[act]
        self.happened[act] += 1
