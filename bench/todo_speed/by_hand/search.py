"""What is typed into a search field, as PostgreSQL takes it."""

import re

from bench.todo_speed.by_hand.bodies import fold_words

_TERM = re.compile(r'-*"[^"]*"?|[^\s"]+')


def tsquery(text: str) -> str:
    """Words by their beginning, quoted ones as they are; `-` excludes, and `or` separates."""
    groups: list[list[str]] = [[]]
    for term in _TERM.findall(text):
        if term.lower() == "or":
            groups.append([])
        elif words := fold_words(term).split():
            phrase = " <-> ".join(f"'{word}'" for word in words)
            if term.startswith("-"):
                groups[-1].append(f"!({phrase})")
            else:
                groups[-1].append(phrase if '"' in term else f"{phrase}:*")
    return " | ".join(" & ".join(group) for group in groups if group)
