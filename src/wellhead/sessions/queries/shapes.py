"""What a row becomes: a value, a named tuple, a dataclass, a pydantic model, an object."""

import dataclasses
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import CompoundSelect
from sqlalchemy.sql.selectable import FromClause

from wellhead.errors import ConfigurationError
from wellhead.sessions.queries.entities import Loader

Make = Callable[[Sequence[Any]], Any]
"""Builds the result from a row's values."""


def columns_of(statement: Any) -> Sequence[Any]:
    """What a statement selects or returns, as written."""
    if isinstance(statement, CompoundSelect):
        return columns_of(statement.selects[0])
    selected: Sequence[Any] = getattr(statement, "_raw_columns", ())
    return selected or getattr(statement, "_returning", ())


def entity_of(column: Any) -> Any:
    """The mapped class, or its alias, that is selected as a whole; None for a column."""
    annotations = getattr(column, "_annotations", {})
    return annotations.get("parententity") if isinstance(column, FromClause) else None


def names_of(columns: Sequence[Any]) -> list[str] | None:
    """The names of the selected columns, as far as known before mappers are configured."""
    names: list[str] = []
    for column in columns:
        entity = entity_of(column)
        if entity is not None:
            names += entity.mapper.columns.keys()
        elif isinstance(column, FromClause):
            names += column.c.keys()
        else:
            name = getattr(column, "_proxy_key", None)
            if name is None:
                return None
            names.append(name)
    return names


def fields_of(into: type[Any], names: list[str] | None) -> tuple[str, ...]:
    """The fields of a class that rows are converted to; those with a default last.

    Raises:
        ConfigurationError: It is neither a dataclass nor a pydantic model, or a required field has
            no column.
    """
    if issubclass(into, BaseModel):
        required = {
            each.validation_alias if isinstance(each.validation_alias, str) else name
            for name, each in into.model_fields.items()
            if each.is_required()
        }
        known = None
    elif dataclasses.is_dataclass(into):
        fields = [each for each in dataclasses.fields(into) if each.init]
        nothing = dataclasses.MISSING
        required = {
            each.name
            for each in fields
            if each.default is nothing and each.default_factory is nothing
        }
        known = {each.name for each in fields}
    else:
        raise _no_class(into)
    if names is None:
        return ()
    lacking, too_many = required - set(names), set(names) - (known or set(names))
    if lacking or too_many:
        what = ", ".join(sorted(lacking or too_many))
        raise ConfigurationError(
            f"The columns of a compiled query do not fit {into.__name__}: "
            + (f"it needs {what}." if lacking else f"it has no {what}.")
        )
    return tuple(names)


def _no_class(into: object) -> ConfigurationError:
    return ConfigurationError(
        f"Rows cannot be made into {into!r}: it is neither a dataclass nor a pydantic model."
    )


def maker(columns: Sequence[Any], names: Sequence[str], into: type[Any] | None) -> Make:
    """A function that builds the result from each row.

    Args:
        columns: What the statement selects: a :class:`Loader` for each mapped class, None for each
            column.
        names: The names of the columns, in order.
        into: The class to create; None for what the columns themselves say.
    """
    if into is not None:
        return _into(into, names)
    if len(columns) == 1:
        return _first if columns[0] is None else columns[0].load
    kinds: list[tuple[Loader | None, int]] = []
    titles: list[str] = []
    at = 0
    for each in columns:
        kinds.append((each, at))
        titles.append(names[at] if each is None else each.name)
        at += 1 if each is None else each.width
    row: Any = namedtuple("Row", titles, rename=True)  # type: ignore[misc]  # noqa: PYI024
    if not any(columns):
        return row._make
    return lambda values: row._make(
        values[at] if each is None else each.load(values[at : at + each.width])
        for each, at in kinds
    )


def _first(values: Sequence[Any]) -> Any:
    return values[0]


def _into(into: type[Any], names: Sequence[str]) -> Make:
    if issubclass(into, BaseModel):
        return lambda values: _validated(into, dict(zip(names, values, strict=True)))
    positions = [each.name for each in dataclasses.fields(into) if each.init]
    if positions[: len(names)] == list(names) and not any(
        each.kw_only for each in dataclasses.fields(into)
    ):
        return lambda values: into(*values)
    return lambda values: into(**dict(zip(names, values, strict=True)))


def _validated(into: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    try:
        return into.model_validate(values)
    except ValidationError as error:
        # Its message repeats the values.
        faults = {f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors()}
        raise ConfigurationError(
            f"A row does not fit {into.__name__} ({', '.join(sorted(faults))}).",
            hint="Make the model accept the values of the columns.",
        ) from None
