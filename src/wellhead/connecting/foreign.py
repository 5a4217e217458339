"""What is said of the application's own code when it fails: nothing of what it says itself."""

import traceback
from pathlib import Path

from wellhead.errors.recognition import sqlstate_of

_WELLHEAD = str(Path(__file__).parents[1])


def failure_of(error: BaseException) -> str:
    """What a hook raised, and where, without its words: they may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(_WELLHEAD)]
    place = f" in {outside[0].filename}, line {outside[0].lineno}" if outside else ""
    sqlstate = sqlstate_of(error)
    code = f" (SQLSTATE {sqlstate})" if sqlstate else ""
    return f"{type(error).__name__}{code}{place}"
