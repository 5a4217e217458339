"""The sources of the site: the repository's own pages, with links and pictures put right.

The pages stay as they are read in the repository. On the site the README is the first page, the two
parts of ``docs/README.md`` are the two sections, in its order, and links lead to where a page is
there.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from docs.site import names

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

INDEX = "docs/README.md"
ELSEWHERE: Mapping[str, str] = {
    "README.md": "index.md",
    INDEX: "pages.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""The pages that the site has at another place than below ``docs``."""

_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\([^)]*\)|^#.*$|`(\w+)`", re.MULTILINE)
_TITLE = re.compile(r'^```(\w+) title="([^"]+)"$', re.MULTILINE)
_PICTURE = re.compile(
    r'<picture>\s*<source [^>]*srcset="([^"]+)">\s*<img [^>]*src="([^"]+)"[^>]* alt="([^"]*)">\s*'
    r"</picture>"
)
_IMAGE = re.compile(r'<img src="([^"]+)" width="(\d+)" alt="([^"]*)"> ?')


def assemble(target: Path) -> None:
    """Write the sources of the site into a directory that holds nothing yet."""
    pages = [ROOT / name for name in ELSEWHERE] + sorted(DOCS.rglob("*.md"))
    for path in pages:
        name = path.relative_to(ROOT).as_posix()
        _write(target / place_of(name), page(name))
    for path in (*DOCS.rglob("*.svg"), *DOCS.rglob("*.png")):
        place = target / path.relative_to(DOCS)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    for name, text in [*sections(), *names.pages().items()]:
        _write(target / name, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def place_of(name: str) -> str:
    """Where the site has a page of the repository."""
    place = ELSEWHERE.get(name) or name.removeprefix("docs/")
    return place.replace("README.md", "index.md")


def page(name: str) -> str:
    """The text of a page as the site has it, with the pages that come below it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name == "README.md":
        return moved(text, name) + toctree("", [place for place, _ in sections()])
    if name == "docs/decisions/README.md":
        return moved(text, name) + toctree("", entries(text, name))
    # The pages that nothing lists are reached by links.
    alone = name in ELSEWHERE
    return ("---\norphan: true\n---\n\n" if alone else "") + moved(text, name)


def sections() -> list[tuple[str, str]]:
    """The two sections of the site, each by its place and its text."""
    text = (ROOT / INDEX).read_text(encoding="utf-8")
    return [
        (f"{title.lower().replace(' ', '-')}.md", _section(title, part))
        for title, part in parts(text, "## ")
    ]


def _section(title: str, text: str) -> str:
    lists = [
        toctree(caption, entries(part, INDEX))
        for heading, below in parts(text, "### ")
        for caption, part in _captioned(heading, below)
    ]
    if title == "Wellhead":
        lists.append(toctree("Every public name", names.pages()))
    shown = re.sub("^###", "##", text, flags=re.MULTILINE)
    return f"# {title}\n{moved(shown, INDEX)}{''.join(lists)}"


def _captioned(heading: str, text: str) -> Iterator[tuple[str, str]]:
    below = list(parts(text, "#### "))
    for words, part in below:
        yield f"{heading}: {words[0].lower()}{words[1:]}", part
    if not below:
        yield heading, text


def parts(text: str, mark: str) -> Iterator[tuple[str, str]]:
    """The parts of a page below the headings of one level, each by its heading."""
    for part in re.split(f"^{re.escape(mark)}", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = part.partition("\n")
        yield heading, rest


def entries(text: str, name: str) -> list[str]:
    """The pages that a text leads to, in its order, as a table of contents names them."""
    leads = [(words, target_of(link, name)) for words, link in _LINK.findall(text)]
    return [
        f"{_plain(words)} </{place_of(target)}>"
        for words, target in leads
        if target.endswith(".md")
    ]


def _plain(words: str) -> str:
    text = " ".join(words.replace("`", "").split())
    return text[0].upper() + text[1:]


def toctree(caption: str, pages: Iterable[str]) -> str:
    """A table of contents that only the site's navigation shows."""
    options = [":hidden:", f":caption: {caption}"] if caption else [":hidden:"]
    return "\n".join(["\n\n```{toctree}", *options, "", *pages, "```\n"])


def target_of(link: str, name: str) -> str:
    """What a link on a page leads to, by its path in the repository; empty within the page."""
    path = link.partition("#")[0]
    if not path or "://" in path:
        return ""
    return os.path.normpath(PurePosixPath(name).parent / path)


def moved(text: str, name: str) -> str:
    """The text of a page with links, pictures and titles as the site's generator reads them."""
    here = PurePosixPath(place_of(name)).parent

    def link(found: re.Match[str]) -> str:
        words, address = found.groups()
        target = target_of(address, name)
        if not target:
            return found[0]
        if not target.endswith((".md", ".svg")):
            return words
        _, mark, anchor = address.partition("#")
        return f"[{words}]({os.path.relpath(place_of(target), here)}{mark}{anchor})"

    def picture(found: re.Match[str]) -> str:
        dark, light, words = found.groups()
        return "".join(
            f"\n```{{image}} {_image(path, name, here)}\n:alt: {words}\n:class: only-{mode}\n```\n"
            for path, mode in ((light, "light"), (dark, "dark"))
        )

    def image(found: re.Match[str]) -> str:
        path, width, words = found.groups()
        place = _image(path, name, here)
        return f"\n```{{image}} {place}\n:alt: {words}\n:width: {width}\n```\n"

    pieces = _FENCE.split(_IMAGE.sub(image, _PICTURE.sub(picture, text)))
    pieces[::2] = [_named(_LINK.sub(link, piece)) for piece in pieces[::2]]
    return _TITLE.sub(r"```{code-block} \1\n:caption: \2\n", "".join(pieces))


def _named(text: str) -> str:
    """A text whose classes lead to the reference, outside of its links and headings."""
    known = names.classes()

    def name(found: re.Match[str]) -> str:
        path = known.get(found[1] or "")
        return f"{{py:obj}}`{found[1]} <{path}>`" if path else found[0]

    return _CODE.sub(name, text)


def _image(path: str, name: str, here: PurePosixPath) -> str:
    return os.path.relpath(place_of(target_of(path, name)), here)
