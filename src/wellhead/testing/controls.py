"""Which statements begin and end transactions, or need what a test's transaction cannot give."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["begin", "commit", "rollback", "refuse", "deallocate", "discard", "other"]

# Whatever may hold a semicolon or a word of SQL and is neither:
# https://www.postgresql.org/docs/current/sql-syntax-lexical.html
_QUOTED = re.compile(
    r"""
    \b[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" |
    \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | --[^\n]* | /\*.*?\*/
    """,
    re.DOTALL | re.VERBOSE,
)
_REFUSED = (
    (
        re.compile(r"(begin|start|set)\b.*\bisolation level (serializable|repeatable read)\b"),
        "another isolation level than READ COMMITTED",
    ),
    (
        re.compile(r"prepare transaction\b|(commit|rollback) prepared\b"),
        "a transaction of two phases",
    ),
    (re.compile(r"(listen|notify)\b"), "LISTEN and NOTIFY, which wait for a COMMIT"),
    (re.compile(r"(commit|end|rollback|abort)\b.* and chain\b"), "AND CHAIN"),
)
_KINDS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"begin\b|start transaction\b"), "begin"),
    (re.compile(r"(commit|end)\b"), "commit"),
    (re.compile(r"(rollback|abort)\b(?! ((work|transaction) )?to\b)"), "rollback"),
    (re.compile(r"deallocate\b"), "deallocate"),
    (re.compile(r"discard all$"), "discard"),
)
_MAY = ("resets", "copies")
_OF_A_BLOCK = re.compile(r"savepoint\b|release\b|rollback\b|lock\b|declare\b(?!.*\bwith hold\b)")
_NAME = re.compile(r'"\w+"')
_SET = re.compile(r"(set(?! (local|constraints|transaction)\b)|reset)\b")


@dataclass(frozen=True, slots=True)
class Control:
    """What a statement, or several in one text, mean to the transaction.

    Attributes:
        kind: What is to be done.
        reads_only: Whether a transaction begins that may only read.
        name: What is deallocated, or why it is refused; also a BEGIN may be.
        sets: Whether all that it does is to set something for the session.
        resets: Whether it takes back what was set.
        copies: Whether rows may follow it, so that nothing else may.
        needs_block: Whether it is an error outside of BEGIN and COMMIT.
    """

    kind: Kind
    reads_only: bool = False
    name: str = ""
    sets: bool = False
    resets: bool = False
    copies: bool = False
    needs_block: bool = False


@lru_cache(maxsize=4096)
def control_of(sql: str) -> Control:
    """What this text means to the transaction in which it is about to run."""
    plain = _QUOTED.sub(_without_quotes, sql).lower()
    found = [_one(each) for part in plain.split(";") if (each := " ".join(part.split()))]
    special = [each for each in found if each.kind != "other"]
    if not special and len(found) == 1:
        return found[0]
    if not special:
        sets = bool(found) and all(each.sets for each in found)
        resets, copies = (any(getattr(each, name) for each in found) for name in _MAY)
        return Control("other", sets=sets, resets=resets, copies=copies)
    if len(found) == 1:
        return found[0]
    refused = next((each for each in special if each.kind == "refuse"), None)
    return refused or Control(
        "refuse", name="several statements that end a transaction in one text"
    )


def _without_quotes(found: re.Match[str]) -> str:
    # The name of a prepared statement is needed; other names mean nothing here.
    return found[0][1:-1] if _NAME.fullmatch(found[0]) else " "


def _one(statement: str) -> Control:
    for pattern, what in _REFUSED:
        if pattern.match(statement):
            begins = statement.startswith(("begin", "start"))
            return Control("begin" if begins else "refuse", name=what)
    for pattern, kind in _KINDS:
        if pattern.match(statement):
            name = statement.rpartition(" ")[2] if kind == "deallocate" else ""
            return Control(kind, reads_only="read only" in statement, name=name)
    return Control(
        "other",
        sets=_SET.match(statement) is not None and statement != "reset all",
        resets=statement == "reset all",
        copies=statement[:4] == "copy",
        needs_block=_OF_A_BLOCK.match(statement) is not None,
    )
