"""One line a record, as text or as JSON, without the passwords of URLs."""

import io
import json
import logging
import logging.config
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn.config
from sqlalchemy import text

from wellhead import Database, DatabaseSettings
from wellhead.telemetry.logging import Format, configure, redact

TOUCHED = (
    "",
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "sqlalchemy.engine.Engine",
    "alembic",
)

URL = "postgresql://user:s3cret@host/database"


@pytest.fixture(autouse=True)
def _loggers_are_put_back() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in TOUCHED]
    before = [(each, each.handlers[:], each.level, each.propagate) for each in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> Format:
    chosen: Format = request.param
    return chosen


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    """Every line, read as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_json_holds_the_record_and_its_own_fields(stream: io.StringIO) -> None:
    configure(format="json", stream=stream)
    logging.getLogger("doors").warning("door %d is open", 7, extra={"event": "open", "door": 7})

    [line] = records(stream)
    timestamp = datetime.fromisoformat(line.pop("timestamp"))
    assert line == {
        "level": "WARNING",
        "logger": "doors",
        "message": "door 7 is open",
        "event": "open",
        "door": 7,
    }
    assert timestamp.tzinfo == UTC
    assert abs(datetime.now(UTC) - timestamp).total_seconds() < 60


def test_a_line_of_json_holds_what_json_does_not_know(stream: io.StringIO) -> None:
    configure(format="json", stream=stream)
    opened = datetime(2030, 1, 1, tzinfo=UTC)
    logging.getLogger("doors").info("open", extra={"opened": opened, "by": {object}, "of": b"x"})

    [line] = records(stream)
    assert line["opened"] == "2030-01-01T00:00:00+00:00"
    assert "object" in str(line["by"])


def test_a_traceback_is_a_field_of_its_line(stream: io.StringIO) -> None:
    configure(format="json", stream=stream)
    logging.getLogger("doors").error("it does\nnot open", exc_info=ValueError("jammed"))

    [line] = records(stream)
    assert line["message"] == "it does\nnot open"
    assert line["exc_info"].endswith("ValueError: jammed")


def test_a_line_of_text_is_for_people(stream: io.StringIO) -> None:
    configure(stream=stream)
    logging.getLogger("doors").warning("door %d is open", 7)

    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING doors: door 7 is open\n", stream.getvalue()
    )


def test_standard_error_is_where_it_goes_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    logging.getLogger("doors").warning("open")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("doors: open\n")


def test_only_records_of_the_level_and_above_are_written(stream: io.StringIO) -> None:
    configure(level="WARNING", stream=stream)
    logging.getLogger("doors").info("closed")
    logging.getLogger("doors").warning("open")

    assert "closed" not in stream.getvalue()
    assert "open" in stream.getvalue()


def test_configuring_twice_writes_each_line_once_in_the_last_form(stream: io.StringIO) -> None:
    configure(stream=stream)
    configure(format="json", stream=stream)
    logging.getLogger("doors").warning("open")

    assert [line["message"] for line in records(stream)] == ["open"]


def test_uvicorns_lines_are_written_once_and_in_the_same_form(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    configure(format="json", stream=stream)
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.access").info('%s - "%s"', "127.0.0.1", "GET /")

    assert [line["message"] for line in records(stream)] == ["started", '127.0.0.1 - "GET /"']
    assert capsys.readouterr() == ("", "")


def test_alembic_is_heard_when_it_warns(stream: io.StringIO, form: Format) -> None:
    configure(format=form, level="INFO", stream=stream)
    logger = logging.getLogger("alembic.runtime.migration")
    logger.info("Context impl PostgresqlImpl.")
    logger.warning("Something is odd.")
    assert stream.getvalue().count("\n") == 1
    assert "Something is odd." in stream.getvalue()


async def test_the_statements_of_echo_are_written_once_and_without_values(
    database_url: str, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(format="json", stream=stream)
    async with (
        Database(DatabaseSettings(url=database_url, echo=True)) as database,
        database.session() as session,
    ):
        await (await session.connection()).execute(text("SELECT :value"), {"value": "s3cret"})

    statements = [line["message"] for line in records(stream)]
    assert len([line for line in statements if line.startswith("SELECT $")]) == 1
    assert "s3cret" not in stream.getvalue()
    assert capsys.readouterr() == ("", "")


async def test_what_the_database_tells_of_itself_holds_no_password(
    database_url: str, stream: io.StringIO, form: Format
) -> None:
    configure(format=form, level="DEBUG", stream=stream)
    async with Database(DatabaseSettings(url=database_url)) as database:
        password = database.settings.url.render(hide_password=False).split(":")[2].split("@")[0]

    assert "database opened" in stream.getvalue()
    assert "database closed" in stream.getvalue()
    assert password not in stream.getvalue()


def test_a_password_is_redacted_wherever_it_stands(stream: io.StringIO, form: Format) -> None:
    configure(format=form, stream=stream)
    logging.getLogger("doors").error(
        f"in the message {URL}, in the arguments %s",  # noqa: G004 - what is tested
        URL,
        extra={"where": URL, "nested": {"urls": [URL]}},
        exc_info=ValueError(URL),
    )

    written = stream.getvalue()
    assert "s3cret" not in written
    assert written.count("postgresql://user:***@host/database") >= 3


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("postgresql://u:s3cret@h/d", "postgresql://u:***@h/d"),
        ("postgresql+asyncpg://u:s3cret@h:5432/d?a=b", "postgresql+asyncpg://u:***@h:5432/d?a=b"),
        ("postgres://:s3cret@h", "postgres://:***@h"),
        ("postgresql://u:s3c%2Fret@[::1]:5432/d", "postgresql://u:***@[::1]:5432/d"),
        ("postgresql://u:s3/cr@et@h/d", "postgresql://u:***@h/d"),
        ("https://u:s3cret@example.com/", "https://u:***@example.com/"),
        ("redis://:s3cret@h:6379 and https://a:s3cret@b", "redis://:***@h:6379 and https://a:***@b"),
        ("postgresql:///d?host=/run&password=s3cret&x=y",
         "postgresql:///d?host=/run&password=***&x=y"),
        ("host=h password=s3cret dbname=d", "host=h password=*** dbname=d"),
        ('{"url": "postgresql://u:s3cret@h", "mail": "a@b"}',
         '{"url": "postgresql://u:***@h", "mail": "a@b"}'),
    ],
)  # fmt: skip
def test_redacting_hides_the_password_and_nothing_else(secret: str, shown: str) -> None:
    assert redact(secret) == shown


@pytest.mark.parametrize(
    "harmless",
    [
        "http://localhost:8000/@vite/client",
        "postgresql://user@host:5432/database",
        "mail to a@b.example: at 10:00",
        "the password is wrong",
    ],
)
def test_redacting_leaves_alone_what_is_no_password(harmless: str) -> None:
    assert redact(harmless) == harmless
