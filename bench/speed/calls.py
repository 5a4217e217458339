"""The Python functions that something calls: a figure that does not depend on the machine."""

import sys
from collections.abc import Awaitable, Callable, Iterable

Step = Callable[[], Awaitable[object]]


async def calls_of(steps: Iterable[Step]) -> int:
    """The Python functions that these steps call, one after the other, in this thread."""
    calls = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        del frame, argument
        calls += event == "call"

    sys.setprofile(note)
    try:
        for step in steps:
            await step()
    finally:
        sys.setprofile(None)
    return calls
