"""The log: every line of a request carries its id."""

import json
import logging

import pytest

from todo.settings import Settings
from todo.web.logs import configure_logging
from todo.web.request_id import request_id

pytestmark = pytest.mark.usefixtures("_root_logger_is_put_back")


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
    configure_logging(Settings(log_format="json"))
    log_within("abc-1", "something happened")

    line = json.loads(capsys.readouterr().err)
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
