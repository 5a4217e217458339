"""Looks through a history for broken promises, as Jepsen's checkers do.

Every check is a pure function over what `history` records; it sorts and takes one more pass. An
operation with an unknown outcome may have happened or not: neither is held against the system.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TypeAlias

from bench.faults.ledger import Outcome
from bench.fleet.history import Handover, Kind, Operation, Promotion

# At one and the same moment a client first learns, then passes on, then is given, then asks.
_LEARNS, _GIVES, _TAKES, _ASKS = range(4)

_Event: TypeAlias = tuple[float, int, Operation | Handover]


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a history gives away; a system that keeps its promises has none.

    Attributes:
        stale: Reads that miss an acknowledged write which came before them; see `stale_reads`.
        non_monotonic: Reads that show less than an earlier one; see `non_monotonic_reads`.
        lost: Writes that were acknowledged or seen, and are not there in the end.
        doubled: Writes that are there more than once.
        denied: Writes that were refused, and are there all the same.
        stray: Values that are there, and that no client wrote.
        from_old_primaries: Writes that a server took after another had become the primary.
    """

    stale: list[Operation]
    non_monotonic: list[Operation]
    lost: list[Operation]
    doubled: list[Operation]
    denied: list[Operation]
    stray: list[tuple[str, int]]
    from_old_primaries: list[Operation]

    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {each.name: len(getattr(self, each.name)) for each in fields(self)}


def check(
    operations: Sequence[Operation],
    final: Mapping[str, Sequence[int]],
    *,
    handovers: Sequence[Handover] = (),
    promotions: Sequence[Promotion] = (),
) -> Findings:
    """Apply every check to one history.

    Args:
        operations: What clients did, in any order.
        final: For each key the values that the primary has in the end, repeated ones repeated.
        handovers: Which marks were passed on.
        promotions: Which servers became the primary, from the first one on.
    """
    return Findings(
        stale=stale_reads(operations, handovers),
        non_monotonic=non_monotonic_reads(operations, handovers),
        lost=lost_writes(operations, final),
        doubled=doubled_writes(operations, final),
        denied=denied_writes(operations, final),
        stray=stray_values(operations, final),
        from_old_primaries=writes_of_old_primaries(operations, promotions),
    )


def stale_reads(
    operations: Iterable[Operation], handovers: Iterable[Handover] = ()
) -> list[Operation]:
    """Reads that do not see a write which was acknowledged before they began.

    Only the client's own writes count, and those of clients whose mark it got, directly or by way
    of others: what a stranger wrote may arrive later.
    """
    return list(_reads_below(operations, handovers, Kind.WRITE))


def non_monotonic_reads(
    operations: Iterable[Operation], handovers: Iterable[Handover] = ()
) -> list[Operation]:
    """Reads that show an older value than the client, or one whose mark it got, has seen."""
    return list(_reads_below(operations, handovers, Kind.READ))


def lost_writes(
    operations: Iterable[Operation], final: Mapping[str, Sequence[int]]
) -> list[Operation]:
    """Writes that were acknowledged, or seen by a read, and are not there in the end."""
    operations = list(operations)
    there = _there(final)
    seen = {(each.key, each.value) for each in operations if _is_known(each, Kind.READ)}
    return [
        each
        for each in operations
        if each.kind is Kind.WRITE
        and (each.key, each.value) not in there
        and (each.outcome is Outcome.ACKNOWLEDGED or (each.key, each.value) in seen)
    ]


def doubled_writes(
    operations: Iterable[Operation], final: Mapping[str, Sequence[int]]
) -> list[Operation]:
    """Writes whose value is there more than once, whatever their outcome."""
    there = _there(final)
    writes = (each for each in operations if each.kind is Kind.WRITE)
    return [each for each in writes if there[each.key, each.value] > 1]


def denied_writes(
    operations: Iterable[Operation], final: Mapping[str, Sequence[int]]
) -> list[Operation]:
    """Writes that the client was told are not done, and that are there."""
    there = _there(final)
    return [
        each
        for each in operations
        if each.kind is Kind.WRITE
        and each.outcome is Outcome.REFUSED
        and (each.key, each.value) in there
    ]


def stray_values(
    operations: Iterable[Operation], final: Mapping[str, Sequence[int]]
) -> list[tuple[str, int]]:
    """Values that are there in the end or that a read has shown, and that nobody wrote."""
    operations = list(operations)
    written = {(each.key, each.value) for each in operations if each.kind is Kind.WRITE}
    shown = {(each.key, each.value) for each in operations if _is_known(each, Kind.READ)}
    return sorted(pair for pair in (shown | _there(final).keys()) - written if pair[1])


def writes_of_old_primaries(
    operations: Iterable[Operation], promotions: Iterable[Promotion]
) -> list[Operation]:
    """Acknowledged writes on a server that was not the primary at any moment of theirs.

    A server that is not named, and what happened before the first promotion, is not judged.
    """
    order = sorted(promotions, key=attrgetter("at"))
    moments = [each.at for each in order]
    found: list[Operation] = []
    for write in operations:
        reigning = bisect_left(moments, write.began) - 1
        if reigning < 0 or write.server is None or not _is_known(write, Kind.WRITE):
            continue
        primaries = order[reigning : bisect_right(moments, write.ended)]
        if all(each.server != write.server for each in primaries):
            found.append(write)
    return found


def _reads_below(
    operations: Iterable[Operation], handovers: Iterable[Handover], kind: Kind
) -> Iterator[Operation]:
    """Reads that show less than an operation of a kind had shown or written before they began."""
    known: defaultdict[int, Counter[str]] = defaultdict(Counter)
    on_the_way: dict[Handover, Counter[str]] = {}
    events: list[_Event] = [*_moments(operations, kind), *_ways(handovers)]
    for _, what, event in sorted(events, key=_at):
        if isinstance(event, Handover):
            if what == _GIVES:
                on_the_way[event] = known[event.giver].copy()
            else:
                known[event.receiver] |= on_the_way.pop(event)
        elif what == _ASKS:
            if event.value < known[event.client][event.key]:
                yield event
        else:
            floors = known[event.client]
            floors[event.key] = max(floors[event.key], event.value)


def _at(event: _Event) -> tuple[float, int]:
    moment, what, _ = event
    return moment, what


def _moments(operations: Iterable[Operation], kind: Kind) -> Iterator[_Event]:
    for operation in operations:
        if _is_known(operation, kind):
            yield operation.ended, _LEARNS, operation
        if _is_known(operation, Kind.READ):
            yield operation.began, _ASKS, operation


def _ways(handovers: Iterable[Handover]) -> Iterator[_Event]:
    for handover in handovers:
        yield handover.given, _GIVES, handover
        yield handover.taken, _TAKES, handover


def _is_known(operation: Operation, kind: Kind) -> bool:
    return operation.kind is kind and operation.outcome is Outcome.ACKNOWLEDGED


def _there(final: Mapping[str, Sequence[int]]) -> Counter[tuple[str, int]]:
    return Counter((key, value) for key, values in final.items() for value in values)
