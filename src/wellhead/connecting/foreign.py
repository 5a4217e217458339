"""How a failure of the application's own code is described: without its message."""

import traceback
from pathlib import Path

from wellhead.errors.recognition import sqlstate_of

_WELLHEAD = str(Path(__file__).parents[1])


def failure_of(error: BaseException) -> str:
    """The type and place of a hook's error, without its message, which may contain a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(_WELLHEAD)]
    place = f" in {outside[0].filename}, line {outside[0].lineno}" if outside else ""
    sqlstate = sqlstate_of(error)
    code = f" (SQLSTATE {sqlstate})" if sqlstate else ""
    return f"{type(error).__name__}{code}{place}"
