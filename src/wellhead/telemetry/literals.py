"""The shape of a statement: its text without values, and without the lengths of its lists."""

import re

LONGEST = 2000
"""Characters of the longest shape."""

# Alternatives that each consume what they begin with, so that no text is read twice: a string, a
# quoted identifier, a dollar-quoted string, a parameter or name, a number, space and comments.
_PIECES = re.compile(
    r"""
    (?P<string>  [eE]'(?:[^'\\]|\\.|'')*+(?:'|\Z)  |  (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*+(?:'|\Z) )
  | (?P<name>    "(?:[^"]|"")*+(?:"|\Z) )
  | (?P<dollar>  \$(?P<tag>[^\W\d]\w*+|)\$.*?(?:\$(?P=tag)\$|\Z) )
  | (?P<kept>    \$\d++  |  %\(\w++\)s  |  __\[\w++\]  |  :{1,2}[^\W\d]\w*+  |  [^\W\d][\w$]*+ )
  | (?P<number>  (?:\d[\w.]*+|\.\d[\w.]*+) )
  | (?P<space>   (?: \s++  |  --[^\n]*+  |  /\*.*?(?:\*/|\Z) )++ )
    """,
    re.VERBOSE | re.DOTALL,
)
_ITEM = r"(?:\$\d++(?:::[A-Z ]++)?|%\(\w++\)s(?:::[A-Z ]++)?|%s|\?|__\[\w++\])"
_LIST = re.compile(rf"\bIN \({_ITEM}(?:, ?{_ITEM})*+\)", re.IGNORECASE)
_ROWS = re.compile(r"\bVALUES (\([^()]*+\))(?:, ?\([^()]*+\))++", re.IGNORECASE)


def shape_of(statement: str) -> str:
    """The statement without what a client can have written into it.

    Strings and numbers become ``?``, comments vanish, and lists of any length become ``...``. Takes
    time linear in the text.
    """
    text = _PIECES.sub(_without_value, statement).strip()
    text = _ROWS.sub(r"VALUES \1, ...", _LIST.sub("IN (...)", text))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _without_value(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if kind == "space":
        return " "
    if kind in {"name", "kept"}:
        return found[0]
    return "?"
