"""What `wellhead` exports is exactly what it says it exports."""

import inspect
import types

import wellhead
import wellhead.errors
import wellhead.fastapi


def public_names(module: types.ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }


def test_all_names_every_public_name_of_the_package() -> None:
    assert set(wellhead.__all__) == public_names(wellhead)
    assert set(wellhead.fastapi.__all__) == public_names(wellhead.fastapi)
    assert set(wellhead.errors.__all__) == public_names(wellhead.errors)


def test_every_public_object_says_what_it_is() -> None:
    silent = [name for name in wellhead.__all__ if not inspect.getdoc(getattr(wellhead, name))]

    assert silent == []


def test_every_exception_of_the_tree_is_exported() -> None:
    tree: set[type[Exception]] = {wellhead.WellheadError, *subclasses_of(wellhead.WellheadError)}

    public = {kind.__name__ for kind in tree if kind.__module__.startswith("wellhead.errors")}

    assert public <= set(wellhead.__all__)


def subclasses_of(kind: type[Exception]) -> set[type[Exception]]:
    children: list[type[Exception]] = kind.__subclasses__()
    return {each for child in children for each in {child, *subclasses_of(child)}}
