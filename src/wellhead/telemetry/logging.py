"""What is logged, without the passwords of URLs.

Wellhead only writes records to the loggers below ``wellhead``, each with an ``event`` field. Where
they go is the application's to say.
"""

import logging
import re

# Clients choose what stands in a line, so none of these looks at a character more than a few times:
# none goes back, and what one has read as the beginning of a URL the next does not begin in.
_DATABASE_URL = re.compile(r"\bpostgres(?:ql)?(?:\+\w++)?://[^\s\"']++")
_USER = re.compile(r"\bpostgres(?:ql)?(?:\+\w++)?://[^\s:/@\"']*+:")
_ANY_URL = re.compile(r"(://[^\s:/@]*+:)[^\s@/]*+(?=@)")
# As libpq reads it: blanks may stand around the sign, and a value in quotes may hold some. In JSON
# a double quote ends the text, and what stands before it is one more character.
_KEYWORD = re.compile(
    r"(password[ \t]*+=[ \t]*+)(?:\\*+'(?:\\.|[^'\"\\\n])*+'?|(?:\\.|[^\s&\"'\\])++)", re.IGNORECASE
)


class RedactingFormatter(logging.Formatter):
    """Formats like ``logging.Formatter``; the password of any URL becomes ``***``.

    As the first of two bases it redacts what the other one writes, such as JSON.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format, then redact, so that tracebacks and extra fields are covered too."""
        return redact(super().format(record))


def redact(text: str) -> str:
    """Replace every password in the URLs and connection strings of a text by ``***``.

    Takes time in proportion to the text, whatever it holds, and next to none where it holds nothing
    of the kind, as nearly every line of a log.
    """
    if "://" in text and "@" in text:
        text = _DATABASE_URL.sub(_without_password, text)
        text = _ANY_URL.sub(r"\1***", text)
    # Not lower(): to the pattern an old long s is one, too.
    if "=" in text and "password" in text.casefold():
        text = _KEYWORD.sub(r"\1***", text)
    return text


def _without_password(url: re.Match[str]) -> str:
    # Up to the last @: a password that lacks its percent-encoding has some.
    text = url[0]
    end = text.rfind("@")
    user = _USER.search(text)
    if user is None or user.end() > end:
        return text
    return f"{text[: user.end()]}***{text[end:]}"
