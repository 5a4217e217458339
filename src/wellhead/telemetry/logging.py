"""Logging without the passwords of URLs.

Wellhead only writes records to the loggers below ``wellhead``, each with an ``event`` field. The
application decides where they go.
"""

import logging
import re

# Clients influence what a line contains, so no pattern looks at a character more than a few times:
# none backtracks, and none starts inside what another has already tried as the start of a URL.
_DATABASE_URL = re.compile(r"\bpostgres(?:ql)?(?:\+\w++)?://[^\s\"']++")
_USER = re.compile(r"\bpostgres(?:ql)?(?:\+\w++)?://[^\s:/@\"']*+:")
_ANY_URL = re.compile(r"(://[^\s:/@]*+:)[^\s@/]*+(?=@)")
# As libpq parses it: spaces are allowed around the sign, and inside a quoted value. In JSON a
# double quote ends the text, and the backslash before it is one more character.
_KEYWORD = re.compile(
    r"(password[ \t]*+=[ \t]*+)(?:\\*+'(?:\\.|[^'\"\\\n])*+'?|(?:\\.|[^\s&\"'\\])++)", re.IGNORECASE
)


class RedactingFormatter(logging.Formatter):
    """Formats like ``logging.Formatter``; the password of any URL becomes ``***``.

    As the first of two bases it redacts the output of the other, such as JSON.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format, then redact, so that tracebacks and extra fields are covered too."""
        return redact(super().format(record))


def redact(text: str) -> str:
    """Replace every password in the URLs and connection strings of a text by ``***``.

    Takes time linear in the text, and almost none if the text contains neither, as nearly every log
    line does.
    """
    if "://" in text and "@" in text:
        text = _DATABASE_URL.sub(_without_password, text)
        text = _ANY_URL.sub(r"\1***", text)
    # Not lower(): the pattern's IGNORECASE also matches the letter long s.
    if "=" in text and "password" in text.casefold():
        text = _KEYWORD.sub(r"\1***", text)
    return text


def _without_password(url: re.Match[str]) -> str:
    # Up to the last @: a password that was not percent-encoded can contain some.
    text = url[0]
    end = text.rfind("@")
    user = _USER.search(text)
    if user is None or user.end() > end:
        return text
    return f"{text[: user.end()]}***{text[end:]}"
