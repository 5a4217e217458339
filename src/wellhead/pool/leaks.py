"""Where a connection was taken: kept cheaply, told in words when somebody asks."""

import inspect
import linecache
from types import CodeType, FrameType

Stack = tuple[tuple[CodeType, int], ...]
"""Code and position of each caller, the nearest first; keeps no variable alive."""

_DEPTH = 8

# The frames between the application and the pool, which help nobody to find a leak.
_OURS = ("/sqlalchemy/", "/wellhead/", "/sqlmodel/", "/contextlib.py", "/asyncio/")


def stack_of(frame: FrameType | None) -> Stack:
    """Remember a frame and its callers; looks up no source, so it costs a microsecond or two."""
    found: list[tuple[CodeType, int]] = []
    while frame is not None and len(found) < _DEPTH:
        found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def stack_here() -> Stack:
    """Remember the callers of whoever calls this."""
    frame = inspect.currentframe()
    return stack_of(frame and frame.f_back)


def describe(stack: Stack) -> str:
    """The stack as a traceback shows it, the nearest caller last."""
    return "".join(
        f'\n  File "{code.co_filename}", line {_line(code, at)}, in {code.co_name}'
        + _source(code, at)
        for code, at in reversed(_theirs(stack))
    )


def place(stack: Stack) -> str | None:
    """The nearest caller outside the libraries, in a few words."""
    theirs = _theirs(stack)
    if not theirs:
        return None
    code, at = theirs[0]
    return f"{code.co_name} ({code.co_filename.rpartition('/')[2]}:{_line(code, at)})"


def _theirs(stack: Stack) -> list[tuple[CodeType, int]]:
    found = [
        (code, at)
        for code, at in stack
        if not any(part in code.co_filename.replace("\\", "/") for part in _OURS)
    ]
    return found or list(stack)


def _line(code: CodeType, at: int) -> int:
    lines = (line for start, end, line in code.co_lines() if start <= at < end and line)
    return next(lines, code.co_firstlineno)


def _source(code: CodeType, at: int) -> str:
    text = linecache.getline(code.co_filename, _line(code, at)).strip()
    return f"\n    {text}" if text else ""
