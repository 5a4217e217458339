"""Logging for a service: one line a record, as text or as JSON, without passwords of URLs.

Wellhead itself only writes records to the loggers below ``wellhead``, each with an ``event``
field; an application with a logging set-up of its own needs nothing from this module.
"""

import logging
import re
import sys
from typing import Literal, TextIO

from pythonjsonlogger.json import JsonFormatter

Format = Literal["text", "json"]

_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):([^\s@/]*)@")


class RedactingTextFormatter(logging.Formatter):
    """A line of text; the password of a URL in it becomes ``***``."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """Format, then redact, so that tracebacks are covered too."""
        return redact(super().format(record))


class RedactingJsonFormatter(JsonFormatter):
    """A JSON object with the record's own fields; the password of a URL in it becomes ``***``."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "timestamp", "levelname": "level", "name": "logger"},
        )

    def format(self, record: logging.LogRecord) -> str:
        """Format, then redact, so that tracebacks and extra fields are covered too."""
        return redact(super().format(record))


def redact(text: str) -> str:
    """Replace the password in every URL of a text by ``***``."""
    return _URL_PASSWORD.sub(r"\1:***@", text)


def configure(
    *,
    format: Format = "text",  # noqa: A002 - the word of logging.basicConfig
    level: str = "INFO",
    stream: TextIO | None = None,
) -> None:
    """Send every record of the process to one stream.

    Replaces the handlers of the root logger. Call it once, before the server starts.

    Args:
        format: ``text`` for people, ``json`` for machines.
        level: The least severe level that is written, such as ``INFO``.
        stream: Where to; standard error by default.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(RedactingJsonFormatter() if format == "json" else RedactingTextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
