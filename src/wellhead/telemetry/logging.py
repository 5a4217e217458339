"""What is logged, without the passwords of URLs.

Wellhead only writes records to the loggers below ``wellhead``, each with an ``event`` field. Where
they go is the application's to say.
"""

import logging
import re

_PASSWORDS = (
    # In a database's URL up to the last @: a password that lacks its percent-encoding has some.
    re.compile(r"(\bpostgres(?:ql)?(?:\+\w+)?://[^\s:/@\"']*:)[^\s\"']*(?=@)"),
    re.compile(r"(://[^\s:/@]*:)[^\s@/]*(?=@)"),
    re.compile(r"(\bpassword=)[^\s&\"']+", re.IGNORECASE),
)


class RedactingFormatter(logging.Formatter):
    """Formats like ``logging.Formatter``; the password of any URL becomes ``***``.

    As the first of two bases it redacts what the other one writes, such as JSON.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format, then redact, so that tracebacks and extra fields are covered too."""
        return redact(super().format(record))


def redact(text: str) -> str:
    """Replace every password in the URLs and connection strings of a text by ``***``."""
    for password in _PASSWORDS:
        text = password.sub(r"\1***", text)
    return text
