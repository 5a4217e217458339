"""The documentation tells the truth: its programs run, its links lead somewhere.

``tests/docs`` compares the reference with the code.
"""

import hashlib
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import wellhead
from tests.docs import programs
from tests.docs.pages import DOCS, ROOT, Page, all_pages, page
from tests.docs.transcript import Terminal
from tests.staging.streaming import Replication
from wellhead.embedded import account

pytestmark = pytest.mark.slow

PAGES = all_pages()
README = next(page for page in PAGES if page.name == "README.md")

TODO_TUTORIAL = "docs/tutorial/todo-api.md"
CLONED = ("Makefile", "README.md", "pyproject.toml", "requirements", "src", "todo")


def by_name(page: Page) -> str:
    return page.name


@pytest.fixture
def desk(public_directory: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where a reader works; a PostgreSQL that they start can keep its data there."""
    path = public_directory / hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    path.mkdir()
    yield path
    # Only root reads what pytest makes, so a server that is started there by root, and runs as
    # somebody else, keeps its data with the machine.
    for pointer in path.rglob("moved-to"):
        shutil.rmtree(account.SHARED_ROOT / "data" / pointer.read_text())


@pytest.fixture
def environment(database_url: str, desk: Path) -> Mapping[str, str]:
    """What a reader has set: a database of their own, for whatever it is used."""
    return {
        "DATABASE_URL": database_url,
        "ARCHIVE_DATABASE_URL": database_url,
        # Readers have their own plugins of pytest, if any.
        "PYTEST_ADDOPTS": "",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "pytest_asyncio.plugin,xdist.plugin",
        "PYTEST_DEBUG_TEMPROOT": str(desk),
    }


# Those about tools are run by tests/tools, where the tools are.
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if programs.source_of(page) and not programs.tools_of(page)],
    ids=by_name,
)
def test_the_program_of_a_page_runs(
    page: Page, desk: Path, environment: Mapping[str, str], request: pytest.FixtureRequest
) -> None:
    if page.path.stem == "read-replicas":
        replication: Replication = request.getfixturevalue("kept_replication")
        environment = {
            **environment,
            "DATABASE_URL": replication.primary.url,
            "DATABASE_REPLICA_URL": replication.standbys[0].url,
            "DATABASE_REPLICA_KEY": "k" * 32,
        }
    programs.run(page, desk, environment)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.has_commands and page.name != TODO_TUTORIAL],
    ids=by_name,
)
def test_the_commands_of_a_page_give_what_it_says(
    page: Page, desk: Path, environment: Mapping[str, str]
) -> None:
    play(page, desk, environment)


def test_a_fresh_clone_does_what_the_todo_tutorial_says(desk: Path) -> None:
    for name in CLONED:
        (desk / name).symlink_to(ROOT / name)
    # An environment in which everything is installed, so that `make run` installs nothing.
    (desk / "venv").mkdir()
    (desk / "venv" / "bin").symlink_to(Path(sys.executable).parent)
    (desk / "venv" / ".runtime").touch()

    play(next(page for page in PAGES if page.name == TODO_TUTORIAL), desk, {"VENV": "venv"})


def play(page: Page, directory: Path, environment: Mapping[str, str]) -> None:
    with Terminal(directory, environment) as terminal:
        for block in page.blocks:
            terminal.play(block)


def test_a_file_that_a_page_shows_is_used_by_a_command_of_that_page() -> None:
    unused = {
        page.name
        for page in PAGES
        if any(block.title for block in page.blocks) and not page.has_commands
    }

    assert unused == set()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_link_leads_somewhere(page: Page) -> None:
    broken = [link for link in page.links if "://" not in link and not leads_somewhere(page, link)]

    assert broken == []


def leads_somewhere(page: Page, link: str) -> bool:
    target, _, anchor = link.partition("#")
    path = (page.path.parent / target).resolve() if target else page.path
    if not path.exists() or not path.is_relative_to(ROOT):
        return False
    return not anchor or anchor in Page(path).anchors


def test_every_page_is_reached_from_the_index() -> None:
    index = page("README.md")
    reached, waiting = {index.path}, [index]
    while waiting:
        for path in waiting.pop().linked_pages() - reached:
            reached.add(path)
            waiting.append(Page(path))

    assert {path for path in DOCS.rglob("*.md") if path not in reached} == set()


def test_the_readme_is_short() -> None:
    assert len(README.text.splitlines()) < 150


def test_the_first_screen_of_the_readme_has_a_picture_a_program_and_two_commands() -> None:
    screen = README.text.partition("\n## ")[0]
    commands = next(block.text for block in README.blocks if block.language == "sh")

    assert len(screen.splitlines()) <= 45
    assert "<picture>" in screen
    assert "```python" in screen
    assert commands in screen
    assert len(commands.splitlines()) == 2


def test_the_index_names_each_page_once() -> None:
    links = page("README.md").links

    assert sorted(links) == sorted(set(links))


def test_every_make_command_of_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {
        name
        for page in PAGES
        for block in page.blocks
        if block.language in {"sh", "console"}
        for name in re.findall(r"^(?:\$ )?(?:[A-Z]+=\S+ )?make ([a-z-]+)", block.text, re.MULTILINE)
    }

    assert {"run", "test"} <= shown <= targets


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    changelog = next(page for page in PAGES if page.name == "CHANGELOG.md")
    newest = next(heading for heading in changelog.headings if heading.startswith("["))

    assert newest.startswith(f"[{wellhead.__version__}]")


def test_every_test_and_every_file_that_a_page_names_exists() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(r"`((?:src|tests|todo)/[\w/.]+\.py(?:::\w+)?)`", page.text)
    }

    assert len(named) > 30
    assert {name for name in named if not exists(name)} == set()


def exists(name: str) -> bool:
    path, _, test = name.partition("::")
    file = ROOT / path
    return file.exists() and (not test or f"def {test}(" in file.read_text())


def test_a_decision_is_short_and_has_every_part() -> None:
    parts = ["Context", "Decision", "Consequences", "Alternatives", "References"]
    records = [Page(path) for path in sorted(DOCS.glob("decisions/0*.md"))]

    assert len(records) >= 14
    for record in records:
        assert len(record.text.splitlines()) <= 50
        assert record.headings[0].startswith(f"{record.path.name[:4]}. ")
        assert record.headings[1:] == parts
        assert record.text.splitlines()[2].startswith("Status: ")


ARCHAIC = re.compile(r"\b(?:whoever|somebody|anew|thereby)\b", re.IGNORECASE)
WRITTEN = ("src", "todo/src", "docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")


def test_no_text_uses_a_word_that_slows_its_reader_down() -> None:
    files = [path for name in WRITTEN for path in (ROOT / name, *(ROOT / name).rglob("*"))]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in files
        if path.suffix in {".md", ".py", ".html", ".mako", ".svg"}
        for word in ARCHAIC.findall(path.read_text(encoding="utf-8"))
    ]

    assert len(files) > 100
    assert found == []
