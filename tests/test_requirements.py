"""What pyproject.toml says about other packages, and what `make floors` tries."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [
    requirement
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for requirement in group
    if not requirement.startswith("wellhead[")
]


def locked(name: str) -> dict[str, str]:
    """The versions of a lock, by package."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE))


def numbers(version: str) -> tuple[int, ...]:
    """A version without the zeros at its end."""
    return tuple(int(part) for part in re.sub(r"(\.0)+$", "", version).split("."))


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_the_lowest_version_that_is_allowed_is_the_one_that_is_tried(requirement: str) -> None:
    words = re.fullmatch(r"([a-z0-9-]+)(\[[a-z,]+\])?>=([0-9.]+)(; .+)?", requirement)

    assert words is not None, "it has a lowest version and no highest one"
    assert numbers(locked("floors-lowest.txt")[words[1]]) == numbers(words[3])


def test_the_other_floor_has_sqlalchemy_2_0_with_what_does_not_take_2_1() -> None:
    versions = locked("floors-sqlalchemy-2.0.txt")

    assert versions["sqlalchemy"].startswith("2.0.")
    assert {"fastapi-users-db-sqlalchemy", "sqladmin"} <= versions.keys()
