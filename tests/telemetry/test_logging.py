"""What is logged, without the passwords of URLs."""

import json
import logging

import pytest
from pythonjsonlogger.json import JsonFormatter

from wellhead import Database, DatabaseSettings
from wellhead.telemetry.logging import RedactingFormatter, redact

URL = "postgresql://user:s3cret@host/database"


class JsonLines(RedactingFormatter, JsonFormatter):
    """The formatter of an application that writes JSON."""


def record() -> logging.LogRecord:
    """One that has the password in its message, its arguments, its fields and its traceback."""
    raised = (ValueError, ValueError(URL), None)
    text = f"in the message {URL}, in the arguments %s"
    made = logging.LogRecord("doors", logging.ERROR, __file__, 1, text, (URL,), raised)
    made.where = {"urls": [URL]}
    return made


@pytest.mark.parametrize(
    ("formatter", "times"), [(RedactingFormatter(), 3), (JsonLines(), 4)], ids=["text", "json"]
)
def test_a_password_is_redacted_wherever_it_stands(
    formatter: logging.Formatter, times: int
) -> None:
    written = formatter.format(record())

    assert "s3cret" not in written
    assert written.count("postgresql://user:***@host/database") == times


def test_the_other_base_decides_how_a_line_looks() -> None:
    line = json.loads(JsonLines("{levelname}{message}", style="{").format(record()))

    assert line["levelname"] == "ERROR"
    assert line["where"] == {"urls": ["postgresql://user:***@host/database"]}


async def test_what_the_database_tells_of_itself_holds_no_password(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="wellhead"):
        async with Database(DatabaseSettings(url=database_url)) as database:
            shown = database.settings.url.render(hide_password=False)
    password = shown.split(":")[2].split("@")[0]

    assert "database opened" in caplog.text
    assert "database closed" in caplog.text
    assert password not in caplog.text


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
        ("postgres://h/a,postgres://u:s3cret@h,postgres://v:s3cr@et@h",
         "postgres://h/a,postgres://u:***@h"),
        ("host=h password='s3 cret' dbname=d", "host=h password=*** dbname=d"),
        (r"host=h password='s3\'cr et' dbname=d", "host=h password=*** dbname=d"),
        (r"host=h password=s3\ cret dbname=d", "host=h password=*** dbname=d"),
        ("host=h password = s3cret dbname=d", "host=h password = *** dbname=d"),
        ("host=h sslpassword=s3cret PGPASSWORD=s3cret", "host=h sslpassword=*** PGPASSWORD=***"),
        (r"'host=h password=\'s3cret\''", "'host=h password=***"),
        ("PASSWORD=s3cret", "PASSWORD=***"),
        ("pa\u017f\u017fword=s3cret", "pa\u017f\u017fword=***"),
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
        '{"query": "password=", "mail": "a@b"}',
    ],
)
def test_redacting_leaves_alone_what_is_no_password(harmless: str) -> None:
    assert redact(harmless) == harmless


@pytest.mark.parametrize(
    "line",
    [
        '192.0.2.1:5 - "GET /api/7/tasks?limit=5 HTTP/1.1" 200',
        "serving http://localhost:8000/ until the password is wrong",
    ],
)
def test_a_line_that_can_hold_nothing_to_hide_is_not_searched(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    for pattern in ("_DATABASE_URL", "_ANY_URL", "_KEYWORD"):
        monkeypatch.setattr(f"wellhead.telemetry.logging.{pattern}", None)

    assert redact(line) == line


@pytest.mark.parametrize(
    "text",
    [
        "host=h password='s3 cret' dbname=d",
        'host=h password=s3cret"',
        "/?password='",
        "/?password=\\",
        "postgres://u:s3cret@h",
        '"postgres://u:s3cret@h"',
    ],
)
def test_json_with_a_password_stays_json(text: str) -> None:
    written = redact(json.dumps({"message": text, "note": "it's", "mail": "a@b"}))

    found = json.loads(written)
    assert "s3" not in found["message"]
    assert (found["note"], found["mail"]) == ("it's", "a@b")
