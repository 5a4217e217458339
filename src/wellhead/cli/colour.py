"""The look of all commands: colour on a terminal only, and none with ``NO_COLOR``."""

import sys
from typing import IO, TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

COLOURS: Final = {"ok": "green", "note": "cyan", "warning": "yellow", "failure": "red"}
"""What each colour means: the outcomes of the doctor."""


def console(stream: IO[str] | None = None) -> "Console":
    """What writes to a stream, standard output by default, with the colours that it may have."""
    from rich.console import Console  # noqa: PLC0415 - most runs of a command need none

    stream = sys.stdout if stream is None else stream
    # FORCE_COLOR has no say: scripts read what does not go to a terminal.
    is_terminal = stream.isatty()
    found = Console(file=stream, force_terminal=is_terminal, highlight=False)
    if found.no_color:
        # Of its own accord it leaves out colours, and keeps bold.
        found = Console(file=stream, force_terminal=is_terminal, highlight=False, color_system=None)
    return found


def paint(text: str, outcome: str, *, stream: IO[str] | None = None) -> str:
    """A text in the colour of an outcome, if the stream that it is for may have colours."""
    stream = sys.stdout if stream is None else stream
    if not stream.isatty() or console(stream).color_system is None:
        return text
    return typer.style(text, fg=COLOURS[outcome])
