"""The log: every record of the process on standard error, with the id of its request."""

import logging

from pythonjsonlogger.json import JsonFormatter

from todo.settings import Settings
from todo.web.request_id import request_id
from wellhead.telemetry.logging import RedactingFormatter

_ESCAPED = {
    number: ascii(chr(number))[1:-1]
    for number in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
    if chr(number) not in "\t\n"
}


class RequestIdFilter(logging.Filter):
    """Gives every record the id of the request that its task works for, if there is one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, with a `request_id` if there is one."""
        identifier = request_id.get()
        if identifier is not None:
            record.request_id = identifier
        return True


class TextLines(RedactingFormatter):
    """A line for people, with the request's id at the end of its first line.

    Terminal control characters are escaped.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Format the record."""
        line = super().format(record)
        if not line.isprintable():
            line = line.translate(_ESCAPED)
        identifier = getattr(record, "request_id", None)
        if identifier is None:
            return line
        first, *rest = line.split("\n", 1)
        return "\n".join([f"{first} [{identifier}]", *rest])


class JsonLines(RedactingFormatter, JsonFormatter):
    """A JSON object for machines, with the record's own fields and its time in UTC."""

    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )


def configure_logging(settings: Settings) -> None:
    """Send all records of this process to standard error, per `LOG_FORMAT` and `LOG_LEVEL`.

    `DEBUG` lowers the level to `DEBUG`. uvicorn's own configuration is replaced.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    handler.addFilter(RequestIdFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("DEBUG" if settings.debug else settings.log_level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        # uvicorn writes no access log if no handler would get it; todo.web.traffic writes one.
        logger.propagate = name != "uvicorn.access"
    # Alembic logs at INFO each time it inspects the schema, watchfiles for each file that Python
    # compiles; Wellhead and uvicorn log what was done.
    for name in ("alembic", "watchfiles"):
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    # Without any handler SQLAlchemy would add one, and each statement would be written twice.
    logging.getLogger("sqlalchemy.engine.Engine").handlers[:] = [logging.NullHandler()]
