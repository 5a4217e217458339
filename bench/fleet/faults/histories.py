"""What the clients of an outage did, as a history for the checks of `bench.fleet.consistency`.

Everything that a client writes is a register of its own, which shows 1 once it is there: a task by
its title, a note by its text, and that a task is completed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.faults.clients import CLIENTS
from bench.faults.ledger import Answer, Ledger, Outcome
from bench.faults.verdict import Row
from bench.fleet.faults.readers import Read
from bench.fleet.history import Handover, Kind, Operation

_THERE, _MISSING = 1, 0


def completion(title: str) -> str:
    """The register that shows whether a task is completed."""
    return f"{title}, completed"


def operations(ledger: Ledger, reads: Iterable[Read], takers: Mapping[str, str]) -> list[Operation]:
    """Everything that clients did.

    Args:
        ledger: What was written; unknown outcomes are resolved already where they can be.
        reads: What was read; the readers have the numbers after those of the clients that write.
        takers: For each register the server that took the write, where that is known.
    """
    return [*_writes(ledger, takers), *_reads(reads)]


def handovers(reads: Iterable[Read]) -> list[Handover]:
    """Each read is made with the mark that came with the acknowledgement of what it asks for."""
    return [
        Handover(read.written.client, _number(read), read.written.post.ended, read.answer.began)
        for read in reads
    ]


def final(rows: Iterable[Row]) -> Mapping[str, Sequence[int]]:
    """What every register has in the end, by the whole table of an application."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        found[row.title].append(_THERE)
        if row.description is not None:
            found[row.description].append(_THERE)
        if row.is_completed:
            found[completion(row.title)].append(_THERE)
    return found


def _writes(ledger: Ledger, takers: Mapping[str, str]) -> Iterator[Operation]:
    asked: list[tuple[int, str, Answer, Answer | None]] = []
    for write in ledger.writes:
        asked.append((write.client, write.title, write.post, write.resolved))
        if write.note is not None and write.patch is not None:
            asked.append((write.client, write.note, write.patch, write.patch_resolved))
    for batch in ledger.batches:
        registers = map(completion, batch.titles)
        asked += [(batch.client, each, batch.answer, batch.resolved) for each in registers]
    for client, key, answer, resolved in asked:
        last = _last(answer, resolved)
        yield Operation(
            client,
            key,
            Kind.WRITE,
            _THERE,
            answer.began,
            last.ended,
            last.outcome,
            takers.get(key),
        )


def _reads(reads: Iterable[Read]) -> Iterator[Operation]:
    for read in reads:
        answer = read.answer
        shown = _THERE if answer.outcome is Outcome.ACKNOWLEDGED else _MISSING
        # Not to find it is what the read has shown.
        outcome = Outcome.ACKNOWLEDGED if read.found_nothing else answer.outcome
        yield Operation(
            _number(read),
            read.written.title,
            Kind.READ,
            shown,
            answer.began,
            answer.ended,
            outcome,
        )


def _number(read: Read) -> int:
    return CLIENTS + read.reader


def _last(answer: Answer, resolved: Answer | None) -> Answer:
    """The answer that counts: that to the repetition, if it was an acknowledgement."""
    if resolved is not None and resolved.outcome is Outcome.ACKNOWLEDGED:
        return resolved
    return answer
