"""A page of the built site, read as a browser would: what it loads, where it leads, its anchors."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

_LOADED = {
    ("audio", "src"),
    ("embed", "src"),
    ("iframe", "src"),
    ("image", "href"),
    ("image", "xlink:href"),
    ("img", "src"),
    ("img", "srcset"),
    ("input", "src"),
    ("object", "data"),
    ("script", "src"),
    ("source", "src"),
    ("source", "srcset"),
    ("track", "src"),
    ("use", "href"),
    ("use", "xlink:href"),
    ("video", "poster"),
    ("video", "src"),
}
# Links that only tell where something is: a browser follows none by itself.
_TELLING = {"author", "canonical", "index", "license", "next", "prev", "search"}
_IN_STYLE = re.compile(r"""@import\s+(?:url\()?\s*["']?([^"')\s;]+)|url\(\s*["']?([^"')\s]+)""")


class BuiltPage(HTMLParser):
    """What one HTML page refers to.

    Attributes:
        loads: The addresses that a browser fetches by itself.
        links: The addresses to which a reader can go.
        anchors: The places on the page to which a link can lead.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self._in_style = False
        self.feed(text)

    @classmethod
    def at(cls, path: Path) -> "BuiltPage":
        """The page in a file."""
        return cls(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        self.anchors.add(given.get("id", ""))
        self.loads += loaded_by_style(given.get("style", ""))
        for name, value in given.items():
            if (tag, name) in _LOADED or (tag == "link" and name == "href" and _loads(given)):
                self.loads += _addresses(name, value)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.loads += re.findall(r"url=(\S+)", given.get("content", ""), re.IGNORECASE)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._in_style = False

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.loads += loaded_by_style(data)


def _loads(link: Mapping[str, str]) -> bool:
    return not set(link.get("rel", "").lower().split()) <= _TELLING


def _addresses(attribute: str, value: str) -> list[str]:
    if attribute != "srcset":
        return [value]
    return [candidate.split()[0] for candidate in value.split(",") if candidate.strip()]


def loaded_by_style(style: str) -> list[str]:
    """The addresses that a stylesheet, or a part of one, makes a browser fetch."""
    return [imported or named for imported, named in _IN_STYLE.findall(style)]


def is_outside(address: str) -> bool:
    """Whether an address is that of another machine: it names a scheme, or a host."""
    return re.match(r"(?!data:)[a-zA-Z][\w+.-]*:|//", address) is not None
