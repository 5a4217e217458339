"""Packages of others that are tried on a database of ours, where they are installed.

Nothing here requires them, and fastapi-users takes no SQLAlchemy 2.1. `make floors` installs them,
and says WELLHEAD_TOOLS=required; elsewhere what needs one is left out with a word.
"""

import importlib
import os
from importlib.util import find_spec
from typing import Any

import pytest

TOOLS = (
    "sqladmin", "starlette_admin", "fastapi_users", "fastapi_users_db_sqlalchemy", "celery", "arq",
    "fakeredis", "mangum",
)  # fmt: skip
ARE_REQUIRED = os.environ.get("WELLHEAD_TOOLS") == "required"


def leave_out_without(package: str) -> None:
    """Leave out the test, or the module of tests, that runs, where this package is missing."""
    if find_spec(package) is None and not ARE_REQUIRED:
        pytest.skip(f"{package} is not installed; make floors tries it", allow_module_level=True)


def tool(name: str) -> Any:
    """The module of a tool; the module that asks is left out where it is missing."""
    leave_out_without(name.partition(".")[0])
    return importlib.import_module(name)
