"""The queue: order, waiters that gave up, and waiters that go back to the front."""

import asyncio
from typing import Any

from wellhead.pool.slots import Queue, Waiter


def waiter(*, is_patient: bool = True) -> Waiter[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    return Waiter(future, 0.0, 1.0, is_patient, None, ())


async def test_first_come_first_served() -> None:
    queue: Queue[Any] = Queue()
    first, second = waiter(), waiter()
    queue.join(first)
    queue.join(second)

    assert len(queue) == 2
    assert [queue.next(), queue.next(), queue.next()] == [first, second, None]
    assert len(queue) == 0


async def test_whoever_had_its_turn_and_got_nothing_stands_in_front() -> None:
    queue: Queue[Any] = Queue()
    first, unlucky = waiter(), waiter()
    queue.join(first)
    queue.join(unlucky, at_front=True)

    assert queue.next() is unlucky


async def test_those_who_gave_up_are_passed_over_wherever_they_stood() -> None:
    queue: Queue[Any] = Queue()
    line = [waiter() for _ in range(5)]
    for each in line:
        queue.join(each)
    for gone in (line[0], line[2], line[4]):
        gone.future.cancel()
        queue.leave()
    left = len(queue)

    assert left == queue.exact() == 2
    assert [queue.next(), queue.next(), queue.next()] == [line[1], line[3], None]
    assert not queue


async def test_whoever_was_cancelled_this_moment_does_not_wait_any_more() -> None:
    queue: Queue[Any] = Queue()
    gone = waiter()
    queue.join(gone)
    gone.future.cancel()

    assert queue.exact() == 0
    assert not queue
    queue.leave()
    assert len(queue) == 0


async def test_the_impatient_are_found_in_their_order() -> None:
    queue: Queue[Any] = Queue()
    line = [waiter(is_patient=number % 2 == 0) for number in range(6)]
    for each in line:
        queue.join(each)
    line[1].future.cancel()

    assert queue.impatient() == [line[3], line[5]]
