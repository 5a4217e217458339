"""Revisions: opaque texts that identify one state of an object, so that lost updates show."""

from dataclasses import dataclass

from todo.errors import PreconditionFailedError


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revisions that a caller accepts; None means any."""

    accepted: frozenset[str] | None

    def __contains__(self, revision: str) -> bool:
        return self.accepted is None or revision in self.accepted


def accepted_by(expected: Revisions | None) -> list[str] | None:
    """The revisions of which the object must have one, or None if any will do."""
    if expected is None or expected.accepted is None:
        return None
    return sorted(expected.accepted)


def changed_meanwhile() -> PreconditionFailedError:
    """The object is not in a state that the caller knows."""
    return PreconditionFailedError(
        "It has changed since you read it; nothing was written. Read it again, then decide.",
        code="changed-meanwhile",
    )
