"""The text of a statement as it may be shown: without values, and whether it counts as a query."""

import re
from typing import Final

_HIDDEN: Final = "…"

_TOKEN: Final = re.compile(
    r"""
      (?P<comment>  --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<value>    [Ee]'(?:[^'\\]|\\.|'')*(?:'|\Z)
                  | (?:[BbXxNn]|[Uu]&)?'(?:[^']|'')*(?:'|\Z)
                  | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z) )
    | (?P<word>     "(?:[^"]|"")*" | [^\W\d][\w$]* | \$\d+ )
    | (?P<number>   \d[\w.]* | \.\d[\w]* )
    """,
    re.VERBOSE | re.DOTALL,
)

# What begins and ends transactions, and what sets up a session.
_CONTROL: Final = frozenset(
    {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "SET", "RESET",
     "DISCARD", "DEALLOCATE", "CLOSE", "UNLISTEN"}
)  # fmt: skip
# Of asyncpg: its questions about types, once for a connection and type, and what it sends before a
# connection is used again. https://github.com/MagicStack/asyncpg/blob/master/asyncpg/introspection.py
_OF_THE_DRIVER: Final = ("WITH RECURSIVE typeinfo_tree(", "SELECT pg_advisory_unlock_all();")


def without_values(statement: str) -> str:
    """A statement in one line, without comments, and with `…` for each value that is written out.

    So two statements that differ in values only are the same.
    """
    return " ".join(_TOKEN.sub(_shown, statement).split())


def is_query(shown: str) -> bool:
    """Whether a statement asks for data or changes them.

    Args:
        shown: What `without_values` made of it.
    """
    words = shown.strip("; ").split(None, 1)
    if not words or shown.startswith(_OF_THE_DRIVER):
        return False
    return words[0].rstrip(";").upper() not in _CONTROL


def _shown(found: "re.Match[str]") -> str:
    if found["comment"] is not None:
        return " "
    return str(found[0]) if found["word"] is not None else _HIDDEN
