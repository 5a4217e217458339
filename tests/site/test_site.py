"""The site that `make docs` has built: whole, without a dead link, and nothing from elsewhere."""

import importlib
import inspect
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pytest

from tests.docs.pages import DOCS, all_pages
from tests.site.built import BuiltPage, is_outside, loaded_by_style

if not os.environ.get("WELLHEAD_SITE"):
    pytest.skip("there is no site; make docs builds it and tries it", allow_module_level=True)

SITE = Path(os.environ["WELLHEAD_SITE"]).resolve()

PACKAGES = (
    "wellhead",
    "wellhead.fastapi",
    "wellhead.migrations",
    "wellhead.errors",
    "wellhead.embedded",
    "wellhead.testing",
)


@pytest.fixture(scope="module")
def built() -> Mapping[Path, BuiltPage]:
    pages = [path for path in sorted(SITE.rglob("*.html")) if "_static" not in path.parts]
    return {path: BuiltPage.at(path) for path in pages}


def test_no_page_loads_anything_from_elsewhere(built: Mapping[Path, BuiltPage]) -> None:
    outside = {
        (path.name, address)
        for path, page in built.items()
        for address in page.loads
        if is_outside(address)
    }

    assert len(built) > 100
    assert outside == set()


def test_no_stylesheet_and_no_picture_loads_anything_from_elsewhere() -> None:
    files = [*SITE.rglob("*.css"), *SITE.rglob("*.svg")]
    outside = {
        (path.name, address)
        for path in files
        for text in [path.read_text(encoding="utf-8")]
        for address in [*loaded_by_style(text), *BuiltPage(text).loads]
        if is_outside(address)
    }

    assert len(files) > 5
    assert outside == set()


def test_what_pages_load_and_where_they_lead_is_there(built: Mapping[Path, BuiltPage]) -> None:
    broken = {
        (path.relative_to(SITE).as_posix(), address)
        for path, page in built.items()
        for address in {*page.loads, *page.links}
        if not is_outside(address) and not address.startswith("data:")
        if not leads_somewhere(path, address, built)
    }

    assert broken == set()


def leads_somewhere(path: Path, address: str, built: Mapping[Path, BuiltPage]) -> bool:
    place, _, anchor = address.partition("#")
    target = path
    if place:
        target = (path.parent / unquote(place.partition("?")[0])).resolve()
    if not target.is_file():
        return False
    return not anchor or anchor in built[target].anchors


def test_every_page_of_the_repository_is_on_the_site() -> None:
    pages = [PurePosixPath(page.name) for page in all_pages()]
    below_docs = [page.relative_to("docs") for page in pages if page.parts[0] == "docs"]
    missing = {
        str(page)
        for page in below_docs
        if page.name != "README.md" and not (SITE / page.with_suffix(".html")).exists()
    }

    assert missing == set()
    for name in ("index", "pages", "changelog", "contributing", "decisions/index"):
        assert (SITE / f"{name}.html").exists()


def test_the_two_sections_are_those_of_the_index_in_its_order() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    header = (SITE / "index.html").read_text(encoding="utf-8").partition("</header>")[0]
    tabs = re.findall(r'class="nav-link[^"]*"[^>]*>\s*([^<]+?)\s*<', header)

    assert list(dict.fromkeys(tabs)) == re.findall(r"^## (.+)$", index, re.MULTILINE)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(
    package: str, built: Mapping[Path, BuiltPage]
) -> None:
    described = {
        anchor
        for path, page in built.items()
        if path.parent.name == "names"
        for anchor in page.anchors
    }
    module = importlib.import_module(package)
    missing = {
        name
        for name in module.__all__
        if described.isdisjoint(paths_of(package, name, getattr(module, name)))
    }

    assert missing == set()


def test_every_fixture_is_in_the_reference(built: Mapping[Path, BuiltPage]) -> None:
    page = built[SITE / "reference" / "names" / "wellhead.testing.html"]

    for name in ("database", "wellhead_database", "wellhead_schema", "wellhead_url"):
        assert f"wellhead.testing.plugin.{name}" in page.anchors


def paths_of(package: str, name: str, value: object) -> set[str]:
    """Under which names the reference may have it: a class of two packages is described once."""
    paths = {f"{package}.{name}"}
    if inspect.isclass(value) or inspect.isfunction(value):
        for other in PACKAGES:
            if getattr(importlib.import_module(other), name, None) is value:
                paths.add(f"{other}.{name}")
    return paths
