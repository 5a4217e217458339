"""For how long nothing succeeded."""

from collections.abc import Iterable
from itertools import pairwise

from bench.faults.ledger import Answer, Outcome


def longest_gap(answers: Iterable[Answer], *, began: float, ended: float) -> float:
    """The most seconds in a span of time in which no request succeeded.

    Args:
        answers: Requests, in any order; a success counts at the moment of its answer.
        began: When the span began, on the clock of the answers.
        ended: When it ended.
    """
    successes = (
        answer.ended
        for answer in answers
        if answer.outcome is Outcome.ACKNOWLEDGED and began < answer.ended < ended
    )
    return max(after - before for before, after in pairwise([began, *sorted(successes), ended]))
