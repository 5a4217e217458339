"""The threads of routes: a task that waits for one is cancelled after it has ended, not before.

A thread cannot be stopped. anyio limits their number, to 40 by default, with a token that the task
holds while it waits in a shielded scope. ``asyncio.Task.cancel`` breaks through the shield: the
task would give its token back, and another thread would start next to the one still running.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Any

from anyio import to_thread

from wellhead.sessions.suspended import frames_of

Task = asyncio.Task[Any]


def await_threads(task: Task) -> bool:
    """Delay the cancellation of a task until the threads that it waits for have ended.

    This includes the tasks that it waits for in turn, alone or gathered or in a group.

    Returns:
        Whether there is such a thread.
    """
    results = list(_results_of_threads(task))
    for result in results:
        # If the awaited future refuses to be cancelled, asyncio cancels the task when it is done.
        result.cancel = lambda msg=None: False  # type: ignore[method-assign]  # noqa: ARG005
    return bool(results)


def _results_of_threads(task: Task) -> Iterator[asyncio.Future[Any]]:
    if _waits_for_a_thread(task):
        yield task._fut_waiter  # type: ignore[attr-defined]  # noqa: SLF001 - test_undocumented_names.py
        return
    for child in _tasks_awaited_by(task):
        yield from _results_of_threads(child)


def _waits_for_a_thread(task: Task) -> bool:
    # The innermost frame is anyio's, and waits only for the result; while the task waits for its
    # token, there are more frames.
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
