"""The threads of routes: a task that waits for one is cancelled when that has ended, not before.

Nobody can stop a thread. anyio bounds their number, 40 by default, by a place that the task holds
while it waits, and ignores its own cancelling meanwhile. ``asyncio.Task.cancel`` it cannot ignore:
the task would give its place up, and another thread begin beside the one that goes on.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Any

from anyio import to_thread

from wellhead.sessions.suspended import frames_of

Task = asyncio.Task[Any]


def await_threads(task: Task) -> bool:
    """Let whatever cancels a task reach it only when the threads that it waits for have ended.

    So it is for the tasks that it waits for in turn, alone or gathered or in a group.

    Returns:
        Whether there is such a thread.
    """
    results = list(_results_of_threads(task))
    for result in results:
        # asyncio cancels a task whose future refuses when that is done, in place of its result.
        result.cancel = lambda msg=None: False  # type: ignore[method-assign]  # noqa: ARG005
    return bool(results)


def _results_of_threads(task: Task) -> Iterator[asyncio.Future[Any]]:
    if _waits_for_a_thread(task):
        yield task._fut_waiter  # type: ignore[attr-defined]  # noqa: SLF001 - test_undocumented_names.py
        return
    for child in _tasks_awaited_by(task):
        yield from _results_of_threads(child)


def _waits_for_a_thread(task: Task) -> bool:
    # The innermost frame is anyio's, and waits for nothing but the result; while the task waits for
    # its place, there are some more.
    called = next(islice(frames_of(task), 1, 2), None)
    return (
        called is not None
        and called.f_code is to_thread.run_sync.__code__
        and not called.f_locals["abandon_on_cancel"]
    )


def _tasks_awaited_by(task: Task) -> list[Task]:
    waiter = getattr(task, "_fut_waiter", None)
    found = [waiter, *getattr(waiter, "_children", ())]
    for frame in frames_of(task):
        group = frame.f_locals.get("self")
        if isinstance(group, asyncio.TaskGroup):
            found.extend(group._tasks)  # noqa: SLF001 - the same
    return [each for each in found if isinstance(each, asyncio.Task) and each is not task]
