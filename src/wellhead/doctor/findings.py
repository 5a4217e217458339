"""What the doctor finds: an outcome, what was seen, why it matters, and the cure."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Outcome(enum.StrEnum):
    """How bad a finding is."""

    OK = "ok"
    """It is as it should be."""
    NOTE = "note"
    """Worth knowing; nothing has to change."""
    WARNING = "warning"
    """It works now, and will not always, or costs more than it has to."""
    FAILURE = "failure"
    """The application cannot work like this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check saw.

    Attributes:
        seen: What was seen, in one sentence with its numbers.
        outcome: How bad it is.
        diagnosis: What it is called, and why it matters; None if nothing is wrong.
        cure: Something to paste or to do; empty if nothing is wrong.
        check: The check that saw it.
    """

    seen: str
    outcome: Outcome = Outcome.OK
    diagnosis: "Diagnosis | None" = None
    cure: str = ""
    check: str = ""

    @property
    def code(self) -> str | None:
        """The code of the diagnosis, or None."""
        return self.diagnosis.code if self.diagnosis else None

    @property
    def why(self) -> str:
        """Why it matters; empty if nothing is wrong."""
        return self.diagnosis.why if self.diagnosis else ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A kind of finding that has a code.

    Attributes:
        code: Its name for scripts, logs and ``--explain``; never changes.
        outcome: How bad it usually is.
        title: What it is, in one sentence.
        why: Why it matters.
        cure: What to do about it; a finding may have a more exact cure.
    """

    code: str
    outcome: Outcome
    title: str
    why: str
    cure: str

    def found(self, seen: str, *, cure: str = "", outcome: Outcome | None = None) -> Finding:
        """A finding of this kind.

        Args:
            seen: What was seen.
            cure: A more exact cure than the usual one.
            outcome: How bad it is here, if not as bad as usual.
        """
        return Finding(seen, outcome or self.outcome, self, cure or self.cure)


@dataclass(frozen=True, slots=True)
class EnvLine:
    """A recommended line of ``.env``.

    Attributes:
        name: The variable.
        value: Its value; passwords are ``***``.
        reason: Why, in one sentence.
    """

    name: str
    value: str
    reason: str


def worst(findings: Iterable[Finding]) -> Outcome:
    """The worst outcome; ok if there is no finding."""
    order = list(Outcome)
    return max((finding.outcome for finding in findings), key=order.index, default=Outcome.OK)
