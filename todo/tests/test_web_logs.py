"""The log: every line of a request carries its id."""

import json
import logging
import logging.config
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn.config
from sqlalchemy import text

from todo.settings import Settings
from todo.web.logs import configure_logging
from todo.web.request_id import request_id
from wellhead import Database, DatabaseSettings

pytestmark = pytest.mark.usefixtures("_loggers_are_put_back")

JSON = Settings(log_format="json")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Every line on standard error, read as JSON; nothing else was written."""
    written = capsys.readouterr()
    assert written.out == ""
    return [json.loads(line) for line in written.err.splitlines()]


def log_within(identifier: str, message: str) -> None:
    token = request_id.set(identifier)
    try:
        logging.getLogger("todo.test").info(message)
    finally:
        request_id.reset(token)


def test_a_line_of_text_ends_with_the_request_s_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings())
    log_within("abc-1", "something happened")

    assert capsys.readouterr().err.endswith("todo.test: something happened [abc-1]\n")


def test_the_id_stands_before_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings())
    log_within("abc-1", "first\nsecond")

    assert capsys.readouterr().err.endswith("first [abc-1]\nsecond\n")


def test_a_line_outside_of_requests_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings())
    logging.getLogger("todo.test").info("started")

    assert capsys.readouterr().err.endswith("todo.test: started\n")


def test_json_has_the_id_as_a_field(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(JSON)
    log_within("abc-1", "something happened")

    [line] = lines(capsys)
    assert line["request_id"] == "abc-1"
    assert line["message"] == "something happened"


def test_debug_lowers_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(debug=True, log_level="ERROR"))
    logging.getLogger("todo.test").debug("a detail")

    assert "a detail" in capsys.readouterr().err


def test_the_level_is_the_setting_s(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_level="ERROR"))
    logging.getLogger("todo.test").warning("not that bad")

    assert capsys.readouterr().err == ""


def test_a_line_of_json_holds_the_record_and_its_own_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(JSON)
    logging.getLogger("doors").warning("door %d is open", 7, extra={"event": "open", "door": 7})

    [line] = lines(capsys)
    timestamp = datetime.fromisoformat(line.pop("timestamp"))
    assert line == {
        "level": "WARNING",
        "logger": "doors",
        "message": "door 7 is open",
        "event": "open",
        "door": 7,
    }
    assert timestamp.tzinfo == UTC


def test_a_line_of_json_holds_what_json_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(JSON)
    opened = datetime(2030, 1, 1, tzinfo=UTC)
    logging.getLogger("doors").info("open", extra={"opened": opened, "by": {object}, "of": b"x"})

    [line] = lines(capsys)
    assert line["opened"] == "2030-01-01T00:00:00+00:00"
    assert "object" in str(line["by"])


def test_a_traceback_is_a_field_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(JSON)
    logging.getLogger("doors").error("it does\nnot open", exc_info=ValueError("jammed"))

    [line] = lines(capsys)
    assert line["message"] == "it does\nnot open"
    assert line["exc_info"].endswith("ValueError: jammed")


def test_a_line_of_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings())
    logging.getLogger("doors").warning("door %d is open", 7)

    written = capsys.readouterr()
    line = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING doors: door 7 is open\n"
    assert re.fullmatch(line, written.err)
    assert written.out == ""


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_shows_a_password(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format=form))
    logging.getLogger("doors").error("postgresql://u:s3cret@h/d")

    assert "postgresql://u:***@h/d" in capsys.readouterr().err


def test_configuring_twice_writes_each_line_once_in_the_last_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(Settings())
    configure_logging(JSON)
    logging.getLogger("doors").warning("open")

    assert [line["message"] for line in lines(capsys)] == ["open"]


def test_uvicorns_lines_are_written_once_and_in_the_same_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    configure_logging(JSON)
    logging.getLogger("uvicorn.error").info("started")

    assert [line["message"] for line in lines(capsys)] == ["started"]


def test_uvicorn_writes_no_access_log(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    configure_logging(JSON)
    logger = logging.getLogger("uvicorn.access")
    logger.info('%s - "%s"', "127.0.0.1", "GET /?q=secret")

    assert not logger.hasHandlers()
    assert lines(capsys) == []


def test_alembic_is_heard_when_it_warns(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(JSON)
    logger = logging.getLogger("alembic.runtime.migration")
    logger.info("Context impl PostgresqlImpl.")
    logger.warning("Something is odd.")

    assert [line["message"] for line in lines(capsys)] == ["Something is odd."]


async def test_the_statements_of_echo_are_written_once_and_without_values(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(JSON)
    async with (
        Database(DatabaseSettings(url=database_url, echo=True)) as database,
        database.session() as session,
    ):
        await (await session.connection()).execute(text("SELECT :value"), {"value": "s3cret"})

    written = lines(capsys)
    statements = [line["message"] for line in written]
    assert len([line for line in statements if line.startswith("SELECT $")]) == 1
    assert "s3cret" not in str(written)


def test_what_a_terminal_takes_for_commands_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings())
    logging.getLogger("doors").warning("\x1b[2J\r\x9b\u2028 and\ta\nsecond line")

    assert capsys.readouterr().err.endswith("\\x1b[2J\\r\\x9b\\u2028 and\ta\nsecond line\n")


def test_each_control_character_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings())
    controls = [*range(9), *range(0xB, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]
    for number in controls:
        logging.getLogger("doors").warning("a%sb", chr(number))

    written = capsys.readouterr().err.split("\n")
    shown = [line.rpartition(" ")[2] for line in written if line]
    assert shown == [f"a{ascii(chr(number))[1:-1]}b" for number in controls]
