"""What is typed into a search field, as a `tsquery` of PostgreSQL.

`websearch_to_tsquery` knows no prefixes, and `to_tsquery` fails on text that is no query. So the
text is read here, and the query that is made of it always has the right form: quoted words, one
operator between two of them, no parentheses within parentheses.
"""

import re

from todo.text import fold_words

MOST_WORDS = 256
"""How many words of a search count: folding makes many of some characters."""

LONGEST_WORD = 500
"""Of a word so many characters count: PostgreSQL takes 2046 bytes, and compares their beginning."""

_TERM = re.compile(r'-*"[^"]*"?|[^\s"]+')


def tsquery_of(text: str) -> str:
    """The query for a text; without any word in it, it is empty, and finds nothing.

    A word finds those that begin with it, "words in quotes" are found as they are, next to each
    other, and so are the parts of one with punctuation in it. `-` before either excludes it, as a
    whole word. All of them must be found, or all on one side of an `or`.
    """
    terms = _TERM.findall(text)
    left = MOST_WORDS
    groups: list[list[str]] = [[]]
    for term in terms:
        if term.casefold() == "or":
            groups.append([])
            continue
        words = [word[:LONGEST_WORD] for word in fold_words(term).split()[:left]]
        left -= len(words)
        if words:
            groups[-1].append(_operand(words, is_excluded=term[0] == "-", is_quoted='"' in term))
    # `or` is a word where there is nothing else, since one may still be typing.
    found = [" & ".join(group) for group in groups if group] or ["'or':*" for _ in groups[1:2]]
    return " | ".join(found)


def _operand(words: list[str], *, is_excluded: bool, is_quoted: bool) -> str:
    # Folded words hold neither quotes nor backslashes.
    phrase = " <-> ".join(f"'{word}'" for word in words)
    if is_excluded:
        return f"!({phrase})"
    return phrase if is_quoted else f"{phrase}:*"
