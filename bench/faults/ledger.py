"""What the clients asked for and what they were told; the verdict compares it with the table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What a client may rely on after a request."""

    ACKNOWLEDGED = "acknowledged"
    """It was told that it is done."""

    REFUSED = "refused"
    """It was told that nothing was done."""

    UNKNOWN = "unknown"
    """It was told nothing, or that the outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request ended.

    Attributes:
        outcome: What the client may rely on.
        words: What it saw, such as ``503 saturated`` or ``no answer``.
        began: When it was sent, on the clock of `time.monotonic`.
        ended: When it was answered or given up.
        task_id: The id in the answer, if there is one.
        mark: How far the client has seen, where the application says so.
    """

    outcome: Outcome
    words: str
    began: float
    ended: float
    task_id: str | None = None
    mark: str | None = None

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.ended - self.began


@dataclass(slots=True)
class Write:
    """A task that a client wanted, and a note that it may have wanted in it.

    Attributes:
        client: The number of the client.
        title: The title, which no other write has.
        key: The ``Idempotency-Key`` that was sent, if any.
        post: How the request for the task ended.
        note: The description that was asked for later, if any.
        patch: How that request ended.
        resolved: How the repeated request ended, where `post` was unknown and had a key.
        patch_resolved: The same for `patch`, which may be repeated in any case.
    """

    client: int
    title: str
    key: str | None
    post: Answer
    note: str | None = None
    patch: Answer | None = None
    resolved: Answer | None = None
    patch_resolved: Answer | None = None

    @property
    def answers(self) -> list[Answer]:
        """How the first requests ended; repeated ones are no part of it."""
        return [self.post] if self.patch is None else [self.post, self.patch]


@dataclass(slots=True)
class Batch:
    """Tasks that a client wanted to have completed at once.

    Attributes:
        client: The number of the client.
        titles: Their titles; no task is in two of these.
        ids: Their ids.
        key: The ``Idempotency-Key`` that was sent, if any.
        answer: How the request ended.
        resolved: How the repeated request ended, where the first was unknown.
    """

    client: int
    titles: list[str]
    ids: list[str]
    key: str | None
    answer: Answer
    resolved: Answer | None = None


@dataclass(slots=True)
class Ledger:
    """Everything that the clients of one application asked for during one scenario."""

    writes: list[Write] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)

    def answers(self) -> Iterator[Answer]:
        """How all requests ended."""
        for write in self.writes:
            yield from write.answers
        for batch in self.batches:
            yield batch.answer

    def count(self, outcome: Outcome) -> int:
        """How many requests ended in this way."""
        return sum(answer.outcome is outcome for answer in self.answers())

    def failures(self) -> Counter[str]:
        """What clients saw instead of success, and how often."""
        return Counter(
            answer.words for answer in self.answers() if answer.outcome is not Outcome.ACKNOWLEDGED
        )

    def late(self, limit: float, *, starts: Sequence[float] = ()) -> list[Answer]:
        """The requests that took longer than so many seconds, however they ended.

        Those that waited in the system's queue while the application started, which takes as long
        as the machine needs, count from when it had: `starts`, on the clock of `time.monotonic`.
        """
        return [
            answer
            for answer in self.answers()
            if answer.ended - max([answer.began, *(at for at in starts if at < answer.ended)])
            > limit
        ]

    def all_served_after(self, moment: float, clients: int) -> float | None:
        """Seconds from a moment until each client had been served again; None before that."""
        first: dict[int, float] = {}
        answers = [(write.client, answer) for write in self.writes for answer in write.answers]
        answers += [(batch.client, batch.answer) for batch in self.batches]
        for client, answer in answers:
            if answer.outcome is Outcome.ACKNOWLEDGED and answer.ended >= moment:
                first[client] = min(answer.ended, first.get(client, answer.ended))
        return max(first.values()) - moment if len(first) == clients else None
