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

_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")
_ECHO = "sqlalchemy.engine.Engine"
_ALEMBIC = "alembic"
_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_PASSWORDS = (
    # In a database's URL up to the last @: a password that lacks its percent-encoding has some.
    re.compile(r"(\bpostgres(?:ql)?(?:\+\w+)?://[^\s:/@\"']*:)[^\s\"']*(?=@)"),
    re.compile(r"(://[^\s:/@]*:)[^\s@/]*(?=@)"),
    re.compile(r"(\bpassword=)[^\s&\"']+", re.IGNORECASE),
)


class RedactingTextFormatter(logging.Formatter):
    """A line of text; the password of a URL in it becomes ``***``."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """Format, then redact, so that tracebacks are covered too."""
        return redact(super().format(record))


class RedactingJsonFormatter(JsonFormatter):
    """A JSON object with the record's own fields; the password of a URL in it becomes ``***``.

    The time is ``timestamp``, in UTC as ISO 8601 has it.
    """

    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )

    def format(self, record: logging.LogRecord) -> str:
        """Format, then redact, so that tracebacks and extra fields are covered too."""
        return redact(super().format(record))


def redact(text: str) -> str:
    """Replace every password in the URLs and connection strings of a text by ``***``."""
    for password in _PASSWORDS:
        text = password.sub(r"\1***", text)
    return text


def configure(
    *,
    format: Format = "text",  # noqa: A002 - the word of logging.basicConfig
    level: str = "INFO",
    stream: TextIO | None = None,
) -> None:
    """Send every record of the process to one stream.

    Replaces the handlers of the root logger and of uvicorn's, keeps SQLAlchemy from adding one
    for ``DATABASE_ECHO``, and Alembic to warnings. Call it before the database is opened.

    Args:
        format: ``text`` for people, ``json`` for machines.
        level: The least severe level that is written, such as ``INFO``.
        stream: Where to; standard error by default.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(RedactingJsonFormatter() if format == "json" else RedactingTextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _UVICORN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # It tells at INFO how it looks at the schema, each time; what was done Wellhead tells itself.
    logging.getLogger(_ALEMBIC).setLevel(max(root.level, logging.WARNING))
    # Without any handler SQLAlchemy would add one, and each statement stand in the log twice.
    logging.getLogger(_ECHO).handlers[:] = [logging.NullHandler()]
