"""Compares what clients were told with what is in the table."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.faults.ledger import Batch, Ledger, Outcome, Write


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
    outcome = write.post.outcome
    if outcome is Outcome.UNKNOWN and write.key is not None:
        if write.resolved is None or write.resolved.outcome is not Outcome.ACKNOWLEDGED:
            yield Wrong("unresolved", told)
            return
        outcome = Outcome.ACKNOWLEDGED
    if outcome is Outcome.ACKNOWLEDGED and not times:
        yield Wrong("lost", f"{told}; not in the table")
    if outcome is Outcome.REFUSED and times:
        yield Wrong("denied", f"{told}; in the table {times} times")


def _judge_patch(write: Write, row: Row) -> Iterator[Wrong]:
    told = f"{write.title}, its note"
    if write.patch is None:
        if row.description is not None:
            yield Wrong("stray", f"{told}: nobody asked for it")
        return
    told += f": {write.patch.words}"
    outcome = write.patch.outcome
    if outcome is Outcome.UNKNOWN:
        if write.patch_resolved is None or (
            write.patch_resolved.outcome is not Outcome.ACKNOWLEDGED
        ):
            yield Wrong("unresolved", told)
            return
        outcome = Outcome.ACKNOWLEDGED
    if outcome is Outcome.ACKNOWLEDGED and row.description != write.note:
        yield Wrong("lost", f"{told}; not in the table")
    if outcome is Outcome.REFUSED and row.description is not None:
        yield Wrong("denied", f"{told}; in the table")


def _judge_batch(batch: Batch, completed: set[str]) -> Iterator[Wrong]:
    told = f"{len(batch.titles)} tasks at once, of which {batch.titles[0]}: {batch.answer.words}"
    done = completed.intersection(batch.titles)
    if done and len(done) < len(batch.titles):
        yield Wrong("torn", f"{told}; {len(done)} are completed")
        return
    outcome = batch.answer.outcome
    if outcome is Outcome.UNKNOWN:
        if batch.resolved is None or batch.resolved.outcome is not Outcome.ACKNOWLEDGED:
            yield Wrong("unresolved", told)
            return
        outcome = Outcome.ACKNOWLEDGED
    if outcome is Outcome.ACKNOWLEDGED and not done:
        yield Wrong("lost", f"{told}; none is completed")
    if outcome is Outcome.REFUSED and done:
        yield Wrong("denied", f"{told}; all are completed")
