"""The end of a task's time: once, for good, and never taken for somebody else's cancelling."""

import asyncio

import pytest

from wellhead import CommitUnknownError
from wellhead.sessions.deadline import Deadline, Ending, current_deadline


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_block_that_is_done_in_time_is_not_ended() -> None:
    with Deadline(60) as deadline:
        await asyncio.sleep(0)

    assert (deadline.ending, deadline.is_over) == (None, False)
    assert current_deadline.get() is None


async def test_a_block_is_ended_at_its_deadline_and_the_task_goes_on() -> None:
    with Deadline(0.01) as deadline:
        await wait_for_ever()
    await asyncio.sleep(0)

    assert (deadline.ending, deadline.is_over) == (Ending.TIMEOUT, True)


async def test_without_a_limit_a_block_can_be_ended_all_the_same() -> None:
    with Deadline(None) as deadline:
        asyncio.get_running_loop().call_soon(deadline.end, Ending.GONE)
        await wait_for_ever()

    assert deadline.ending is Ending.GONE


async def test_a_deadline_can_be_moved_from_within() -> None:
    with Deadline(60) as deadline:
        current = current_deadline.get()
        assert current is not None
        current.move(0.01)
        await wait_for_ever()

    assert deadline.seconds == 0.01
    assert deadline.is_over


async def test_nothing_ends_a_block_that_was_lifted() -> None:
    with Deadline(0.01) as deadline:
        deadline.lift()
        deadline.end(Ending.GONE)
        deadline.move(0.01)
        await asyncio.sleep(0.05)

    assert not deadline.is_over


async def test_cancelling_from_outside_goes_through() -> None:
    deadlines: list[Deadline] = []

    async def work() -> None:
        with Deadline(60) as deadline:
            deadlines.append(deadline)
            await wait_for_ever()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not deadlines[0].is_over


async def test_cancelling_from_outside_goes_through_at_the_deadline_too() -> None:
    async def work() -> None:
        with Deadline(60) as deadline:
            task.cancel()
            deadline.end(Ending.TIMEOUT)
            await wait_for_ever()

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_a_cancelled_block_raises_instead_does_not_get_out() -> None:
    with Deadline(0.01) as deadline:
        try:
            await wait_for_ever()
        finally:
            raise ValueError

    assert deadline.is_over
    assert isinstance(deadline.error, ValueError)


async def test_an_error_before_the_deadline_gets_out() -> None:
    with pytest.raises(ValueError), Deadline(60):  # noqa: PT011 - any will do
        raise ValueError


async def test_a_block_that_does_not_heed_the_first_cancelling_is_cancelled_again() -> None:
    heard = 0
    with Deadline(0.01) as deadline:
        while heard < 2:
            try:
                await wait_for_ever()
            except asyncio.CancelledError:
                heard += 1
    await asyncio.sleep(0)

    assert heard == 2
    assert deadline.is_over


async def test_a_commit_under_way_has_a_moment_to_finish() -> None:
    marks: dict[object, object] = {}
    with Deadline(0.01) as deadline:
        deadline.note_commit(marks)
        await asyncio.sleep(0.1)
        ending, is_over = deadline.ending, deadline.is_over
        deadline.lift()

    assert (ending, is_over) == (Ending.TIMEOUT, False)


async def test_a_commit_that_is_over_holds_nothing_up() -> None:
    marks: dict[object, object] = {}
    with Deadline(60) as deadline:
        deadline.note_commit(marks)
        marks.clear()
        deadline.end(Ending.TIMEOUT)
        is_over = deadline.is_over
        await wait_for_ever()

    assert is_over


@pytest.mark.parametrize("is_resolved", [True, False])
async def test_an_earlier_commit_counts_until_it_is_known_what_became_of_it(
    *, is_resolved: bool
) -> None:
    unknown = CommitUnknownError.after_silence()
    with Deadline(0.01) as deadline:
        deadline.note_unknown(unknown)
        unknown.is_resolved = is_resolved
        await wait_for_ever()

    assert deadline.cut_commit is not is_resolved
