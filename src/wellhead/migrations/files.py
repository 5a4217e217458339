"""What the files of migrations say by themselves, without being run, and without Alembic."""

import ast
from pathlib import Path
from typing import Final

from wellhead.errors import MigrationError

_NAMES: Final = frozenset({"revision", "down_revision", "depends_on"})


def check_scripts(scripts: Path) -> None:
    """Check that a directory holds migrations.

    Raises:
        MigrationError: It has no ``env.py``.
    """
    if not (scripts / "env.py").is_file():
        raise MigrationError(
            f"There are no migrations in {scripts}: it has no env.py.",
            hint="Name the directory that holds env.py and versions.",
        )


def head_of(scripts: Path) -> str | None:
    """The newest revision of migrations that follow one upon the other.

    Returns:
        None wherever that is not plain to see: then ask Alembic, which runs the files.
    """
    after: dict[str | None, str] = {}
    files = [file for file in (scripts / "versions").glob("*.py") if file.name != "__init__.py"]
    for file in files:
        said = _assigned(file)
        revision = said and said.get("revision")
        if not said or not revision or said.get("depends_on"):
            return None
        after[said.get("down_revision")] = revision
    # Each file adds a link. If every link is on the way from the first to the last one, there is
    # no branch, no circle and nothing that follows upon what is not there.
    head, links = None, 0
    while head in after and links <= len(files):
        head, links = after[head], links + 1
    return head if links == len(files) else None


def _assigned(file: Path) -> dict[str, str | None] | None:
    try:
        module = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return None
    found: dict[str, str | None] = {}
    for statement in module.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ) if name in _NAMES:
                if not isinstance(value, ast.Constant) or not isinstance(value.value, str | None):
                    return None
                found[name] = value.value
    mentions = sum(isinstance(node, ast.Name) and node.id in _NAMES for node in ast.walk(module))
    # Named a second time, it may be something else in the end.
    return found if mentions == len(found) else None
