"""The reference of the library's public names, written from its docstrings.

Each name is documented once: under the first module below that has it, which is how it is imported.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from sphinx.pycode import ModuleAnalyzer

PACKAGES = (
    "wellhead",
    "wellhead.fastapi",
    "wellhead.migrations",
    "wellhead.errors",
    "wellhead.embedded",
    "wellhead.testing",
)
"""What an application imports from; each says by ``__all__`` which of its names are public."""

FURTHER: Mapping[str, tuple[str, ...]] = {
    "wellhead.settings": ("CheckedSettings",),
    "wellhead.pool": ("serving",),
    "wellhead.telemetry.logging": ("RedactingFormatter", "redact"),
    "wellhead.telemetry.metrics": ("DatabaseCollector",),
}
"""The names that pages import from deeper inside."""

FIXTURES = "wellhead.testing.plugin"
"""The module whose fixtures pytest gives to tests by their names."""

GUIDES: Mapping[str, Mapping[str, str]] = {
    "wellhead": {
        "the database object": "reference/database",
        "settings": "reference/settings",
        "URLs": "reference/url",
        "the pool": "reference/pool",
    },
    "wellhead.fastapi": {"FastAPI": "reference/fastapi"},
    "wellhead.migrations": {"migrations": "reference/migrations"},
    "wellhead.errors": {"errors": "reference/errors"},
    "wellhead.embedded": {"the embedded server": "reference/embedded"},
    "wellhead.testing": {"tests": "reference/testing"},
    "wellhead.settings": {"settings": "reference/settings"},
    "wellhead.pool": {"the pool": "reference/pool"},
    "wellhead.telemetry.logging": {"logging": "how-to/log"},
    "wellhead.telemetry.metrics": {"metrics": "reference/metrics"},
}
"""The pages that say what belongs to no single name of a module, by what they are about."""

_Fixture = type(pytest.fixture(lambda: None))


@dataclass(frozen=True, slots=True)
class Name:
    """A public name.

    Attributes:
        module: The module that applications import it from.
        name: Its name there.
        value: What it is.
    """

    module: str
    name: str
    value: Any

    @property
    def path(self) -> str:
        """The name as Python says it in full."""
        return f"{self.module}.{self.name}"

    @property
    def page(self) -> str:
        """The page, by its module: exceptions are together, wherever they are imported from."""
        if self.module == FIXTURES:
            return "wellhead.testing"
        of_errors = vars(importlib.import_module("wellhead.errors"))["__all__"]
        return "wellhead.errors" if self.name in of_errors else self.module


def public_names() -> Iterator[Name]:
    """Every public name; one that two modules have comes once, from the first."""
    seen: set[int] = set()
    for module in (*PACKAGES, *FURTHER):
        offered = importlib.import_module(module)
        for name in FURTHER.get(module) or offered.__all__:
            value = getattr(offered, name)
            if not _has_identity(value) or id(value) not in seen:
                seen.add(id(value))
                yield Name(module, name, value)
    for name, value in vars(importlib.import_module(FIXTURES)).items():
        if isinstance(value, _Fixture) and not name.startswith("_"):
            yield Name(FIXTURES, name, value)


def _has_identity(value: object) -> bool:
    return inspect.isclass(value) or inspect.isfunction(value)


@cache
def classes() -> Mapping[str, str]:
    """Where the reference has the classes and aliases, by the names that prose calls them by."""
    return {name.name: name.path for name in public_names() if name.name[0].isupper()}


@cache
def pages() -> Mapping[str, str]:
    """The pages of the reference in reStructuredText, by their path below ``docs``."""
    by_page: dict[str, list[Name]] = {page: [] for page in (*PACKAGES, *FURTHER)}
    for name in public_names():
        by_page[name.page].append(name)
    return {path_of(page): _page(page, names) for page, names in by_page.items()}


def path_of(page: str) -> str:
    """Where the page of a module is."""
    return f"reference/names/{page}.rst"


def _page(page: str, names: Iterable[Name]) -> str:
    parts = [page, "=" * len(page), "", f".. automodule:: {page}", "   :no-members:", ""]
    if page in GUIDES:
        guides = [f":doc:`{about} </{at}>`" for about, at in GUIDES[page].items()]
        parts += [f"More about {', '.join(guides)}.", ""]
    in_order = sorted(names, key=lambda each: (_rank(each.value), each.name.lower()))
    return "\n".join([*parts, *(_entry(name) for name in in_order)])


def _rank(value: object) -> int:
    """Classes first, then functions, then values and fixtures, and exceptions at the end."""
    if not inspect.isclass(value):
        return 1 if inspect.isfunction(value) else 2
    return 3 if issubclass(value, Exception) else 0


def _entry(name: Name) -> str:
    if inspect.isclass(name.value):
        kind = "autoexception" if issubclass(name.value, Exception) else "autoclass"
        return f".. {kind}:: {name.path}\n   :members:\n{_class_options(name.value)}"
    if inspect.isfunction(name.value):
        return f".. autofunction:: {name.path}\n"
    lines = "\n".join(f"   {line}" for line in docstring_of(name))
    return f".. py:data:: {name.name}\n   :module: {name.module}\n\n{lines}\n"


def _class_options(kind: type) -> str:
    """What a class has from Wellhead's own bases is shown; what it has from others is theirs."""
    options = [] if kind.__bases__ == (object,) else ["   :show-inheritance:"]
    own, others = set[str](), set[str]()
    for base in kind.__mro__[1:]:
        (own if base.__module__.startswith("wellhead") else others).add(base.__name__)
    if own and not issubclass(kind, Exception):
        options.append(f"   :inherited-members: {', '.join(sorted(others))}")
    if issubclass(kind, Enum):
        options.append("   :undoc-members:")
    return "\n".join([*options, ""])


def docstring_of(name: Name) -> list[str]:
    """What a fixture says of itself, or the lines below an assignment, in whichever module it is.

    Raises:
        LookupError: There are none.
    """
    if isinstance(name.value, _Fixture):
        return (inspect.getdoc(name.value) or "").splitlines()
    for module in _modules_below(importlib.import_module(name.module)):
        found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name.name))
        if found:
            return found
    message = f"{name.path} has no docstring below its assignment"
    raise LookupError(message)


def _modules_below(package: ModuleType) -> Iterator[str]:
    yield package.__name__
    for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
        path = f"{package.__name__}.{module.name}"
        if path in sys.modules:
            yield path
