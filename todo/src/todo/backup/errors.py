"""Why no backup was written, or nothing was restored."""

from collections.abc import Iterator
from contextlib import contextmanager

from wellhead import WellheadError, classify


class BackupError(Exception):
    """A backup could not be taken or restored; the message says what is left, and what to do."""


@contextmanager
def telling(outcome: str) -> Iterator[None]:
    """Put a failure of the database into words, after what it means for the user.

    Args:
        outcome: A sentence, such as `Nothing was restored.`

    Raises:
        BackupError: The database failed in a way that can be expected.
    """
    try:
        yield
    except (BackupError, WellheadError):
        raise
    except Exception as error:
        # COPY raises what the driver does, and its names are the library's affair.
        meaning = classify(error)
        if meaning.sqlstate is None and not meaning.is_expected:
            raise
        code = f", SQLSTATE {meaning.sqlstate}" if meaning.sqlstate else ""
        raise BackupError(f"{outcome} {meaning.title} ({meaning.fault}{code})") from error
