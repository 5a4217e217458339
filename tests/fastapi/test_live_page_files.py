"""The files of the live page, which a browser gets as they are."""

import re
from pathlib import Path

import pytest

import wellhead

FOLDER = Path(wellhead.__file__).parent / "fastapi" / "live"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in {".html", ".css", ".js"})
HTML, STYLE = ((FOLDER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("html", "css"))
CODE = "\n".join(path.read_text(encoding="utf-8") for path in FILES if path.suffix == ".js")

MOST_BYTES = 60_000
"""Of all files together: the page is there at once, on a phone, too."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_a_file_names_no_address_outside(path: Path) -> None:
    addresses = set(re.findall(r"\w+://[^\s'\"]*", path.read_text(encoding="utf-8")))

    # The name of SVG, which is no address.
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_nothing_is_inline() -> None:
    assert re.findall(r"<style|\s(?:style|on\w+)=", HTML) == []
    assert re.findall(r"<script[^>]*>([^<]*)</script>", HTML) == [""]


def test_text_never_becomes_html() -> None:
    assert len(re.findall(r"\.textContent = ", CODE)) > 0
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc", CODE) == []


def test_every_file_is_used_and_there() -> None:
    linked = {Path(name).name for name in re.findall(r'(?:src|href)="db/(page\.\w+)"', HTML)}
    imported = set(re.findall(r'^import .* from "\./(\w+\.js)"', CODE, re.MULTILINE))

    assert linked | imported | {"page.html"} == {path.name for path in FILES}


def test_every_class_and_every_name_of_an_element_is_used() -> None:
    selectors = " ".join(
        re.findall(r"([^{}]*)\{", re.sub(r"/\*.*?\*/", "", STYLE, flags=re.DOTALL))
    )
    classes = set(re.findall(r"\.([a-z][\w-]*)", selectors))
    names = set(re.findall(r"#([a-z][\w-]*)", selectors)) | set(
        re.findall(r'find\("([^"]+)"', CODE)
    )
    texts = set(re.findall(r'data-is="(\w+)"', HTML))

    used = HTML + CODE
    assert len(classes) > 20
    assert [name for name in sorted(classes) if not re.search(rf"\b{name}\b", used)] == []
    assert names - set(re.findall(r'id="([^"]+)"', HTML)) == set()
    assert [name for name in sorted(texts) if not re.search(rf"\b{name}\b", CODE)] == []


def test_the_page_is_small() -> None:
    assert 10_000 < sum(path.stat().st_size for path in FILES) < MOST_BYTES
