"""Where a suspended task is: its frames, as far as Python exposes them."""

import asyncio
import gc
import inspect
from collections.abc import Iterator
from types import FrameType
from typing import Any

_STEPS = {"async_generator_asend", "async_generator_athrow"}


def frames_of(task: asyncio.Task[Any]) -> Iterator[FrameType]:
    """The frames of a suspended task, innermost first."""
    frames: list[FrameType] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None:
            frames.append(frame)
        awaited = _awaited_by(awaited)
    return reversed(frames)


def _awaited_by(awaitable: Any) -> Any:
    if type(awaitable).__name__ in _STEPS:
        # A step of an asynchronous generator exposes it only to the garbage collector.
        return next(filter(inspect.isasyncgen, gc.get_referents(awaitable)), None)
    return getattr(awaitable, "cr_await", None) or getattr(awaitable, "ag_await", None)
