"""The documentation tells the truth: programs run, links lead somewhere, tables hold."""

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncpg
import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy.exc import TimeoutError as PoolTimeout

import wellhead
from tests.docs import programs
from tests.docs.pages import DOCS, ROOT, Page, all_pages, page
from tests.docs.transcript import Terminal
from wellhead import Classification, DatabaseSettings, Fault, classify
from wellhead.settings import PROFILES, accepted_values

PAGES = all_pages()
README = next(page for page in PAGES if page.name == "README.md")

TODO_TUTORIAL = "docs/tutorial/todo-api.md"
CLONED = ("Makefile", "README.md", "pyproject.toml", "requirements", "src", "todo")


def by_name(page: Page) -> str:
    return page.name


@pytest.fixture
def environment(database_url: str) -> Mapping[str, str]:
    """What a reader has set: a database of their own."""
    return {"DATABASE_URL": database_url}


@pytest.fixture
def desk(public_directory: Path, request: pytest.FixtureRequest) -> Path:
    """Where a reader works; a PostgreSQL that they start can keep its data there."""
    path = public_directory / hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    path.mkdir()
    return path


@pytest.mark.parametrize("page", [page for page in PAGES if programs.source_of(page)], ids=by_name)
def test_the_program_of_a_page_runs(
    page: Page, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    programs.run(page, tmp_path, environment)


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


def test_every_make_command_of_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {
        name
        for page in PAGES
        for block in page.blocks
        if block.language in {"sh", "console"}
        for name in re.findall(r"\bmake ([a-z-]+)", block.text)
    }

    assert {"run", "test"} <= shown <= targets


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    changelog = next(page for page in PAGES if page.name == "CHANGELOG.md")
    newest = next(heading for heading in changelog.headings if heading.startswith("["))

    assert newest.startswith(f"[{wellhead.__version__}]")


def test_the_reference_has_every_setting_with_its_default_and_its_range() -> None:
    said = {
        row["Variable"]: (row["Default"], row["Takes"])
        for row in page("reference/settings.md").rows()
        if "Variable" in row
    }

    assert said == {
        f"DATABASE_{name.upper()}": (default_of(field), accepted_values(field))
        for name, field in DatabaseSettings.model_fields.items()
    }


def default_of(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, bool) or field.default is None:
        return str(field.default).lower()
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def test_the_reference_has_every_profile_with_what_it_sets() -> None:
    rows = {row["Profile"]: row for row in page("reference/settings.md").rows() if "Profile" in row}

    assert rows.keys() == PROFILES.keys()
    for name in PROFILES:
        settings = DatabaseSettings(url="postgresql://u:p@localhost/db", profile=name)
        for field in ("pool_size", "max_overflow", "pool_recycle"):
            assert float(rows[name][field]) == getattr(settings, field)
        assert PROFILES[name].keys() <= rows[name].keys()


def test_the_reference_has_every_exception_and_which_of_them_opening_tries_again() -> None:
    said = {
        row["Exception"]: row["Opening tries again"] == "yes"
        for row in page("reference/errors.md").rows()
        if "Exception" in row
    }
    tree = {kind.__name__: getattr(kind, "can_retry", False) for kind in exceptions()}

    assert said == tree


def exceptions() -> Iterator[type[Exception]]:
    for name in wellhead.__all__:
        value = getattr(wellhead, name)
        if isinstance(value, type) and issubclass(value, wellhead.WellheadError):
            yield value


def test_the_tree_of_the_reference_is_that_of_the_code() -> None:
    tree = next(b.text for b in page("reference/errors.md").blocks if b.language == "text")
    docstring = wellhead.errors.tree.__doc__ or ""

    assert tree.strip().splitlines() == [
        line.removeprefix("    ") for line in docstring.split("::\n\n")[1].rstrip().splitlines()
    ]


def faults() -> Mapping[str, Mapping[str, str]]:
    return {row["Fault"]: row for row in page("reference/errors.md").rows() if "Fault" in row}


def test_the_reference_has_every_fault() -> None:
    assert faults().keys() == {str(fault) for fault in Fault}


class ServerError(Exception):
    """What a driver raises, with the server's code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("staged")
        self.sqlstate = sqlstate


# Faults that no code of the server stands for.
WITHOUT_CODE: Mapping[Fault, Exception] = {
    Fault.SATURATED: PoolTimeout(),
    Fault.UNREACHABLE: OSError(),
    Fault.TLS: wellhead.TLSError("staged"),
    Fault.REFUSED: wellhead.ConnectError("staged"),
    Fault.NOT_OPEN: wellhead.NotOpenError("staged"),
    Fault.UNKNOWN: ServerError("P0001"),
}


@pytest.mark.parametrize("fault", list(Fault))
def test_the_reference_says_what_a_fault_means(fault: Fault) -> None:
    row = faults()[str(fault)]
    said = row["Status"], row["Retry-After"], row["Transient"]

    assert said == meaning_in_words(classify(error_of(fault, row)))


def error_of(fault: Fault, row: Mapping[str, str]) -> Exception:
    codes = [code for code in row["SQLSTATE"].split(", ") if re.fullmatch("[0-9A-Z]{5}", code)]
    class_codes = [
        code.replace("xxx", "999") for code in row["SQLSTATE"].split(", ") if "x" in code
    ]
    return WITHOUT_CODE.get(fault) or ServerError((codes + class_codes)[0])


def meaning_in_words(meaning: Classification) -> tuple[str, str, str]:
    after = "" if meaning.retry_after is None else str(meaning.retry_after)
    return str(meaning.http_status), after, "yes" if meaning.is_transient else "no"


def test_the_reference_sorts_every_code_of_the_server_as_the_code_does() -> None:
    known = {str(code) for code in map(code_of, vars(asyncpg.exceptions).values()) if code}
    listed = {
        code: fault for fault, row in faults().items() for code in row["SQLSTATE"].split(", ")
    }

    said = {code: listed.get(code) or listed.get(f"{code[:2]}xxx", "unknown") for code in known}
    assert len(known) > 200
    assert said == {code: str(classify(ServerError(code)).fault) for code in known}


def code_of(value: object) -> object:
    return getattr(value, "sqlstate", None) if isinstance(value, type) else None
