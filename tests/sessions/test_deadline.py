"""The end of a task's time: once, for good, and never taken for another cancellation."""

import asyncio

import pytest

from wellhead.sessions.commits import counting_commits, current_commits
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


@pytest.mark.parametrize("other", [asyncio.CancelledError(), ValueError()])
async def test_a_block_may_end_in_a_group_with_a_cancellation_in_it(other: BaseException) -> None:
    with Deadline(0.01) as deadline:
        try:
            await wait_for_ever()
        except asyncio.CancelledError as error:
            raise BaseExceptionGroup("both", [other, BaseExceptionGroup("", [error])]) from None

    assert deadline.is_over


async def test_a_group_with_more_than_that_in_it_goes_through() -> None:
    async def end_in_more() -> None:
        try:
            await wait_for_ever()
        except asyncio.CancelledError as error:
            raise BaseExceptionGroup("both", [error, GeneratorExit()]) from None

    with pytest.raises(BaseExceptionGroup), Deadline(0.01):
        await end_in_more()


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


@pytest.mark.parametrize("figure", ["under_way", "succeeded"])
async def test_after_a_commit_and_during_one_the_block_has_a_moment_to_finish(
    figure: str,
) -> None:
    with Deadline(60) as deadline:
        deadline.commits.note(**{figure: 1})
        deadline.end(Ending.TIMEOUT)
        is_over = deadline.is_over
        await wait_for_ever()

    assert (is_over, deadline.is_over) == (False, True)


@pytest.mark.parametrize("figure", ["unknown", "possible"])
async def test_what_is_not_known_holds_nothing_up(figure: str) -> None:
    with Deadline(60) as deadline:
        deadline.commits.note(**{figure: 1})
        deadline.end(Ending.TIMEOUT)
        is_over = deadline.is_over
        await wait_for_ever()

    assert is_over


async def test_a_commit_of_a_scope_within_the_block_counts() -> None:
    with Deadline(60) as deadline, counting_commits() as commits:
        commits.note(succeeded=1)

    assert deadline.commits.succeeded == 1


async def test_a_commit_of_a_task_that_the_block_started_counts() -> None:
    async def commit() -> None:
        commits = current_commits.get()
        assert commits is not None
        commits.note(succeeded=1)

    with Deadline(60) as deadline:
        await asyncio.create_task(commit())

    assert deadline.commits.succeeded == 1
