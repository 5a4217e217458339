"""Revisions: opaque texts that identify one state of an object, so that lost updates show."""

import hashlib
from dataclasses import dataclass

from todo.errors import PreconditionFailedError


def revision_of(*parts: object) -> str:
    """A short opaque text that changes when any of the parts does."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revisions that a caller is content with; None stands for any."""

    accepted: frozenset[str] | None

    def __contains__(self, revision: str) -> bool:
        return self.accepted is None or revision in self.accepted


def refuse_if_changed(revision: str, expected: Revisions | None) -> None:
    """Let a change pass only on a revision that the caller knows, or when it set no condition.

    Raises:
        PreconditionFailedError: The object has changed since the caller read it.
    """
    if expected is not None and revision not in expected:
        raise PreconditionFailedError(
            "It has changed since you read it; nothing was written. Read it again, then decide.",
            code="changed-meanwhile",
        )
