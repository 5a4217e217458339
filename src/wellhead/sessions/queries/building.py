"""What can be compiled, and why the rest cannot; decided where the query is built."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import BindParameter, ColumnElement, CompoundSelect, Executable, TextClause
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select as AnySelect
from sqlalchemy.sql.selectable import TextualSelect
from sqlmodel.sql.expression import Select, SelectOfScalar

from wellhead.errors import ConfigurationError
from wellhead.sessions.parts import parts_of
from wellhead.sessions.queries.binding import names_in
from wellhead.sessions.queries.membership import with_arrays
from wellhead.sessions.queries.query import Query
from wellhead.sessions.queries.shapes import columns_of, entity_of, fields_of, names_of

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MOST_OPTIONAL = 6
"""The most optional conditions of a query: each combination of them is a separate text."""


@overload
def compiled(
    statement: Executable,
    /,
    into: type[T],
    *,
    optional: Sequence[ColumnElement[bool] | bool] = (),
    is_repeatable: bool = False,
) -> Query[T]: ...


@overload
def compiled(
    statement: SelectOfScalar[T],
    /,
    *,
    optional: Sequence[ColumnElement[bool] | bool] = (),
    is_repeatable: bool = False,
) -> Query[T]: ...


@overload
def compiled(
    statement: Select[*Ts],
    /,
    *,
    optional: Sequence[ColumnElement[bool] | bool] = (),
    is_repeatable: bool = False,
) -> Query[tuple[*Ts]]: ...


@overload
def compiled(
    statement: Executable,
    /,
    *,
    optional: Sequence[ColumnElement[bool] | bool] = (),
    is_repeatable: bool = False,
) -> Query[Any]: ...


def compiled(
    statement: Any,
    /,
    into: type[Any] | None = None,
    *,
    optional: Sequence[Any] = (),
    is_repeatable: bool = False,
) -> Query[Any]:
    """A query that is compiled once, at its first use, and kept.

    Build it at import time: nothing is opened, configured or read for that. Its values are those of
    ``bindparam("name")``, given by name at each call; all others are kept as they are.

    Args:
        statement: A SELECT, INSERT, UPDATE or DELETE of SQLAlchemy or SQLModel. A list is
            ``column.in_(bindparam("names"))``, of any length.
        into: A dataclass or pydantic model to create from each row, by column name. By default a
            single column gives its value, a mapped class a detached object, and several a named
            tuple.
        optional: Conditions that are added if their values are given, and left out if any of them
            is missing or None.
        is_repeatable: Whether a write may be done twice; see :meth:`wellhead.Database.run`.

    Raises:
        ConfigurationError: The statement cannot be compiled; the message says why.
    """
    for each in (statement, *optional):
        _check(each)
        _check_lists(each)
    if not isinstance(statement, AnySelect | CompoundSelect | UpdateBase):
        raise _refusal(f"is a {type(statement).__name__}, not a SELECT, INSERT, UPDATE or DELETE")
    if optional and not hasattr(statement, "where"):
        raise _refusal("has optional conditions but no WHERE clause")
    if len(optional) > MOST_OPTIONAL:
        raise _refusal(f"has {len(optional)} optional conditions, more than {MOST_OPTIONAL}")
    for condition in optional:
        if not names_in(condition):
            raise _refusal("has an optional condition without a bindparam for the caller to give")
    _check_results(statement)
    if into is not None:
        fields_of(into, names_of(list(columns_of(statement))))
    return Query(statement, into, tuple(optional), is_repeatable=is_repeatable)


def _check(clause: Any) -> None:
    """Refuse clauses without structure, and values that are written into the text at each call."""
    if isinstance(clause, TextClause | TextualSelect) or not hasattr(clause, "get_children"):
        raise _refusal("is text, or not a statement, so its effects are unknown")
    for each in parts_of(clause):
        if isinstance(each, TextClause | TextualSelect):
            raise _refusal("contains text(), whose effects are unknown")
        if getattr(each, "_with_options", ()):
            raise _refusal("has loader options, which need a session")
        if isinstance(each, BindParameter) and each.literal_execute:
            raise _refusal(f"has the value {each.key!r} written into its text at each call")
        options = getattr(each, "get_execution_options", None)
        if options is not None and "schema_translate_map" in options():
            raise _refusal("has a schema_translate_map, which changes its text at each call")


def _check_lists(clause: Any) -> None:
    for each in parts_of(with_arrays(clause)):
        if isinstance(each, BindParameter) and each.expanding:
            raise _refusal(f"has the list {each.key!r} outside IN, so its length changes the text")


def _check_results(statement: Any) -> None:
    columns = list(columns_of(statement))
    mapped = [entity for entity in map(entity_of, columns) if entity is not None]
    if mapped and isinstance(statement, UpdateBase) and len(columns) > 1:
        raise _refusal("returns a mapped class among other columns")
    for entity in mapped:
        _check_mapper(entity.mapper)
    if any("bundle" in getattr(each, "_annotations", ()) for each in columns):
        raise _refusal("has a Bundle in its columns")


def _check_mapper(mapper: Mapper[Any]) -> None:
    name = mapper.class_.__name__
    if mapper.polymorphic_on is not None or mapper.inherits is not None:
        raise _refusal(f"selects {name}, which is mapped with inheritance; select its columns")
    for key in _eager(mapper):
        raise _refusal(
            f"selects {name}, whose {key} is loaded eagerly; select its columns, or write "
            "lazy='select' for the relationship"
        )


def _eager(mapper: Mapper[Any]) -> Iterator[str]:
    # Not from ``mapper.relationships``: that would configure the mappers while modules still load.
    for key, attribute in mapper.all_orm_descriptors.items():
        lazy = getattr(getattr(getattr(attribute, "comparator", None), "prop", None), "lazy", None)
        if lazy in {"joined", "selectin", "subquery", "immediate", False}:
            yield key


def _refusal(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The statement of a compiled query {why}.",
        hint="Run it with database.reader() or a session.",
    )
