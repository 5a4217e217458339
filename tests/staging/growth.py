"""How the work for an input grows with its length, whatever the speed of the machine.

Counting steps would be surer, but most loops over a text run inside of regular expressions and
other parts of C, where nothing can be counted. So the processor's time of this thread is compared
with itself: fourfold input takes four times as long where the time is linear, and sixteen times
where it is quadratic. Of each length the least of several tries counts, and as long as the bound
between the two is not kept there are more of them: a machine that is slow or busy needs more
tries, and never fails. Time that does not depend on the length makes the growth look smaller; 64 KB
of what is quadratic take seconds.
"""

import time
from collections.abc import Awaitable, Callable

SIZES = [1024 * 2**power for power in range(7)]
"""1, 2, 4 ... 64 KB."""

_ALLOWED = 8.0
"""The growth over fourfold input: twice that of linear time, half that of quadratic time."""


async def assert_linear(
    work: Callable[[int], Awaitable[object]], what: str, *, tries: int = 25
) -> None:
    """Do some work with inputs of all sizes, and see to it that its time grows with the size.

    Args:
        work: Does it with so many bytes.
        what: Names it, where it takes too long.
        tries: How often it is done with each size at the most.

    Raises:
        AssertionError: It grows faster.
    """
    least = dict.fromkeys(SIZES, float("inf"))
    for _ in range(tries):
        for size in SIZES:
            began = time.thread_time()
            await work(size)
            least[size] = min(least[size], time.thread_time() - began)
        growths = [least[4 * size] / least[size] for size in SIZES[:-2]]
        if max(growths) < _ALLOWED:
            return
    seen = ", ".join(f"{size // 1024} KB: {1000 * least[size]:.2f} ms" for size in SIZES)
    raise AssertionError(f"{what} takes more than linear time: {seen}")


def filled(shape: str, size: int) -> str:
    """A shape again and again, in so many characters; its ``{}`` is another number each time."""
    if "{}" not in shape:
        return (shape * (size // len(shape) + 1))[:size]
    pieces = [shape.format(number) for number in range(size // (len(shape) + 2))]
    return "".join(pieces)
