"""A short name of the program that logs in, made from its `User-Agent`.

Only for people, who look for the login to end: the header is the client's own and proves nothing.
"""

import re

LONGEST_HEADER = 512
"""How many characters of the header are looked at."""

LONGEST_NAME = 40
"""How many characters of an unknown program's own name are kept."""

# The first one that is in the header: most programs pretend to be the ones below them.
PROGRAMS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Macintosh": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}

_PRODUCT = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST_NAME}}}")


def device_of(user_agent: str | None) -> str | None:
    """A name such as `Firefox on Windows` or `curl`; None if the header tells none."""
    header = (user_agent or "")[:LONGEST_HEADER]
    program = _first(PROGRAMS, header)
    if program is None:
        product = _PRODUCT.match(header)
        return product and product[0]
    system = _first(SYSTEMS, header)
    return program if system is None else f"{program} on {system}"


def _first(names: dict[str, str], header: str) -> str | None:
    return next((name for mark, name in names.items() if mark in header), None)
