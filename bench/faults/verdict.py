"""Compares what clients were told with what is in the table."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.faults.ledger import Answer, Batch, Ledger, Outcome, Write


@dataclass(frozen=True, slots=True)
class Row:
    """A task as the table holds it."""

    title: str
    description: str | None
    is_completed: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """A promise that was broken.

    Attributes:
        kind: Which one: ``lost`` (acknowledged and not there), ``doubled``, ``denied`` (refused
            and there all the same), ``unresolved`` (nobody could tell in the end), ``stray``
            (nobody asked for it), ``torn`` (a part of what is done as a whole).
        words: What exactly, for finding the reason.
    """

    kind: str
    words: str


def judge(ledger: Ledger, rows: Iterable[Row]) -> list[Wrong]:
    """Everything in which the table and the answers disagree.

    Args:
        ledger: What clients asked for; unknown outcomes are resolved already where they can be.
        rows: The whole table, read when no transaction was open any more.
    """
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.title].append(row)
    completed = {row.title for each in found.values() for row in each if row.is_completed}
    wrongs: list[Wrong] = []
    for batch in ledger.batches:
        wrongs += _judge_batch(batch, completed)
        completed.difference_update(batch.titles)
    wrongs += [Wrong("stray", f"{title}: nobody completed it") for title in completed]
    for write in ledger.writes:
        there = found.pop(write.title, [])
        wrongs += _judge_post(write, len(there))
        if len(there) == 1:
            wrongs += _judge_patch(write, there[0])
    wrongs += [Wrong("stray", f"{title}: nobody asked for it") for title in found]
    return wrongs


def _judge_post(write: Write, times: int) -> Iterator[Wrong]:
    told = f"{write.title}: {write.post.words}"
    if write.resolved is not None:
        told += f", repeated: {write.resolved.words}"
    if times > 1:
        yield Wrong("doubled", f"{told}; in the table {times} times")
    if write.key is None and write.post.outcome is Outcome.UNKNOWN:
        return
    yield from _compare(
        write.post,
        write.resolved,
        told,
        lost=None if times else "not in the table",
        denied=f"in the table {times} times" if times else None,
    )


def _judge_patch(write: Write, row: Row) -> Iterator[Wrong]:
    told = f"{write.title}, its note"
    if write.patch is None:
        if row.description is not None:
            yield Wrong("stray", f"{told}: nobody asked for it")
        return
    yield from _compare(
        write.patch,
        write.patch_resolved,
        f"{told}: {write.patch.words}",
        lost=None if row.description == write.note else "not in the table",
        denied=None if row.description is None else "in the table",
    )


def _judge_batch(batch: Batch, completed: set[str]) -> Iterator[Wrong]:
    told = f"{len(batch.titles)} tasks at once, of which {batch.titles[0]}: {batch.answer.words}"
    done = completed.intersection(batch.titles)
    if done and len(done) < len(batch.titles):
        yield Wrong("torn", f"{told}; {len(done)} are completed")
        return
    yield from _compare(
        batch.answer,
        batch.resolved,
        told,
        lost=None if done else "none is completed",
        denied="all are completed" if done else None,
    )


def _compare(
    answer: Answer, resolved: Answer | None, told: str, *, lost: str | None, denied: str | None
) -> Iterator[Wrong]:
    """What is wrong about an answer: `lost` if it was acknowledged, `denied` if it was refused.

    Args:
        answer: The first answer.
        resolved: That to its repetition, after an unknown outcome.
        told: What the client was told.
        lost: Why the table disagrees with success, if it does.
        denied: Why it disagrees with a refusal, if it does.
    """
    outcome = answer.outcome
    if outcome is Outcome.UNKNOWN:
        if resolved is None or resolved.outcome is not Outcome.ACKNOWLEDGED:
            yield Wrong("unresolved", told)
            return
        outcome = Outcome.ACKNOWLEDGED
    if outcome is Outcome.ACKNOWLEDGED and lost is not None:
        yield Wrong("lost", f"{told}; {lost}")
    if outcome is Outcome.REFUSED and denied is not None:
        yield Wrong("denied", f"{told}; {denied}")
