"""The Markdown pages of the project, read once: headings, links, tables and code blocks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        language: The first word after the fence.
        title: The file that the block shows, where it names one.
        text: The text between the fences.
        line: The line of the page on which the text begins, from 1.
    """

    language: str
    title: str | None
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """One Markdown file of the project."""

    path: Path

    @property
    def name(self) -> str:
        """Its path from the root of the project."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def _tokens(self) -> list[Token]:
        return _MARKDOWN.parse(self.text)

    @property
    def blocks(self) -> list[Block]:
        """The fenced blocks, in their order."""
        return [_block(token) for token in self._tokens if token.type == "fence"]

    @property
    def has_commands(self) -> bool:
        """Whether the page shows commands with what they answer."""
        return any(block.language == "console" for block in self.blocks)

    @property
    def headings(self) -> list[str]:
        """The text of each heading, without its marks."""
        return [
            _plain(self._tokens[place + 1])
            for place, token in enumerate(self._tokens)
            if token.type == "heading_open"
        ]

    @property
    def anchors(self) -> set[str]:
        """What a link to a place on this page may end with, as GitHub names headings."""
        found: set[str] = set()
        for heading in self.headings:
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            number = 1
            anchor = slug
            while anchor in found:
                anchor = f"{slug}-{number}"
                number += 1
            found.add(anchor)
        return found

    @property
    def links(self) -> list[str]:
        """The target of every link and image."""
        return [
            str(child.attrs.get("href", child.attrs.get("src")))
            for token in self._tokens
            for child in token.children or []
            if child.type in {"link_open", "image"}
        ]

    def linked_pages(self) -> set[Path]:
        """The Markdown files of the project that this page leads to."""
        targets = (link.partition("#")[0] for link in self.links if "://" not in link)
        paths = ((self.path.parent / target).resolve() for target in targets if target)
        return {path for path in paths if path.suffix == ".md"}

    def rows(self) -> list[Mapping[str, str]]:
        """Every row of every table, by the heading of its column; code marks are taken off."""
        return list(_rows(self._tokens))

    def column(self, heading: str) -> list[str]:
        """The cells below a heading, over all tables that have it."""
        return [row[heading] for row in self.rows() if heading in row]


def all_pages() -> list[Page]:
    """Every page that a reader is shown."""
    at_root = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    return [Page(path) for path in [*at_root, *sorted(DOCS.rglob("*.md"))]]


def page(name: str) -> Page:
    """The page with this path below ``docs``."""
    return Page(DOCS / name)


def _block(token: Token) -> Block:
    assert token.map is not None
    language, _, rest = token.info.partition(" ")
    title = _TITLE.search(rest)
    return Block(language, title[1] if title else None, token.content, token.map[0] + 2)


def _plain(inline: Token) -> str:
    parts: Sequence[Token] = inline.children or []
    return "".join(" " if part.type == "softbreak" else part.content for part in parts)


def _rows(tokens: Sequence[Token]) -> Iterator[Mapping[str, str]]:
    heads: list[str] = []
    cells: list[str] = []
    for place, token in enumerate(tokens):
        if token.type == "thead_open":
            heads = []
        elif token.type == "th_open":
            heads.append(_plain(tokens[place + 1]))
        elif token.type == "tr_open":
            cells = []
        elif token.type == "td_open":
            cells.append(_plain(tokens[place + 1]))
        elif token.type == "tr_close" and cells:
            yield dict(zip(heads, cells, strict=True))
