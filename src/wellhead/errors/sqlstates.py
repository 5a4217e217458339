"""Which fault a SQLSTATE means.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from collections.abc import Mapping
from typing import Final

from wellhead.errors.faults import Fault

NEED_TEXT: Final = frozenset(
    {None, "08000", "08001", "08003", "08004", "08006", "08P01", "08S01", "58000", "XX000"}
)
"""Codes that say nothing on their own: poolers and proxies use one of them for everything."""

_FAULTS: Mapping[str, Fault] = {
    "08004": Fault.REFUSED,
    "08007": Fault.OUTCOME_UNKNOWN,
    "08P01": Fault.REFUSED,
    "23505": Fault.UNIQUE,
    "23503": Fault.FOREIGN_KEY,
    "23001": Fault.FOREIGN_KEY,
    "23514": Fault.CHECK,
    "44000": Fault.CHECK,
    "23502": Fault.NOT_NULL,
    "23P01": Fault.EXCLUSION,
    "25006": Fault.READ_ONLY_SERVER,
    "25P03": Fault.CONNECTION_LOST,
    "25P04": Fault.STATEMENT_TIMEOUT,
    "26000": Fault.STALE_PLAN,
    "3D000": Fault.DATABASE_NOT_FOUND,
    "40003": Fault.OUTCOME_UNKNOWN,
    "40P01": Fault.DEADLOCK,
    "53100": Fault.DISK_FULL,
    "53300": Fault.TOO_MANY_CONNECTIONS,
    # A value too long for its index, or nested too deeply: bad data, not a bug.
    "54000": Fault.INVALID_DATA,
    "54001": Fault.INVALID_DATA,
    "55P03": Fault.LOCK_TIMEOUT,
    "57014": Fault.STATEMENT_TIMEOUT,
    "57P01": Fault.CONNECTION_LOST,
    "57P02": Fault.CONNECTION_LOST,
    "57P03": Fault.STARTING,
    "57P04": Fault.DATABASE_NOT_FOUND,
    "57P05": Fault.CONNECTION_LOST,
}

_FAULTS_OF_CLASSES: Mapping[str, Fault] = {
    "08": Fault.CONNECTION_LOST,
    "0A": Fault.PROGRAMMING,
    "22": Fault.INVALID_DATA,
    "25": Fault.PROGRAMMING,
    "28": Fault.AUTHENTICATION,
    "3F": Fault.PROGRAMMING,
    "40": Fault.SERIALIZATION,
    "42": Fault.PROGRAMMING,
    "53": Fault.OUT_OF_RESOURCES,
    "54": Fault.PROGRAMMING,
}

# Codes that have another meaning as well; a text that begins like this selects this one.
_FAULTS_OF_TEXTS: Mapping[tuple[str, str], Fault] = {
    ("0A000", "cached plan must not change"): Fault.STALE_PLAN,
    # asyncpg's own wording; SQLAlchemy 2.1 hides the code.
    ("0A000", "cached statement plan is invalid"): Fault.STALE_PLAN,
    ("42501", "permission denied for database"): Fault.AUTHENTICATION,
}


def fault_of_sqlstate(sqlstate: str | None, words: str) -> Fault | None:
    """The fault that a code means, or None if there is no code.

    Args:
        sqlstate: The code.
        words: The server's message; it decides for codes with two meanings.
    """
    if sqlstate is None:
        return None
    for (code, start), fault in _FAULTS_OF_TEXTS.items():
        if sqlstate == code and words.startswith(start):
            return fault
    return _FAULTS.get(sqlstate) or _FAULTS_OF_CLASSES.get(sqlstate[:2], Fault.UNKNOWN)
