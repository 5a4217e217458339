"""The application's log: Wellhead's lines, each with the request that caused it."""

import logging

from todo.settings import Settings
from todo.web.request_id import request_id
from wellhead.telemetry.logging import RedactingTextFormatter, configure


class RequestIdFilter(logging.Filter):
    """Gives every record the id of the request that its task works for, if there is one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, with a `request_id` where it has one."""
        identifier = request_id.get()
        if identifier is not None:
            record.request_id = identifier
        return True


class RequestTextFormatter(RedactingTextFormatter):
    """Wellhead's line of text, with the request id at the end of its first line."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record."""
        line = super().format(record)
        identifier = getattr(record, "request_id", None)
        if identifier is None:
            return line
        first, *rest = line.split("\n", 1)
        return "\n".join([f"{first} [{identifier}]", *rest])


def configure_logging(settings: Settings) -> None:
    """Send all records of this process to standard error as `LOG_FORMAT` and `LOG_LEVEL` say.

    `DEBUG` lowers the level to `DEBUG`.
    """
    configure(format=settings.log_format, level="DEBUG" if settings.debug else settings.log_level)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RequestIdFilter())
        if settings.log_format == "text":
            handler.setFormatter(RequestTextFormatter())
