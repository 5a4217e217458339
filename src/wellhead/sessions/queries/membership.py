"""``IN`` lists as one array each, so that one statement text serves lists of every length."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ARRAY,
    BinaryExpression,
    BindParameter,
    Dialect,
    String,
    all_,
    any_,
    bindparam,
    literal,
)
from sqlalchemy.sql import operators, visitors
from sqlalchemy.types import Enum, NullType, TupleType, TypeDecorator, TypeEngine

from wellhead.errors import ConfigurationError
from wellhead.sessions.parts import parts_of

_IN = {operators.in_op, operators.not_in_op}


class ListOf(TypeDecorator[list[Any]]):
    """The array of an ``IN`` list's values; elements are bound like single values.

    Args:
        item: The type of a value.
    """

    impl = ARRAY
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__(item, dimensions=1)
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An array of such values."""
        return dialect.type_descriptor(ARRAY(_Item(self.item), dimensions=1))

    def process_bind_param(self, value: Any, dialect: Dialect) -> list[Any]:
        """Accept any iterable except text.

        Raises:
            TypeError: It is not one.
        """
        del dialect
        if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
            raise TypeError(f"An IN takes a list, not {type(value).__name__}.")
        return list(value)


class _Item(TypeDecorator[Any]):
    """An element, bound like a single value of its type."""

    impl = NullType
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self._item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The database type, without a length: a cast to a length would truncate values.

        SQLAlchemy leaves it out for a single value, too:
        https://github.com/sqlalchemy/sqlalchemy/issues/9511
        """
        plain = self._item.dialect_impl(dialect)
        while isinstance(plain, TypeDecorator):
            plain = plain.load_dialect_impl(dialect).dialect_impl(dialect)
        if isinstance(plain, String) and not isinstance(plain, Enum) and plain.length is not None:
            return String()
        return plain

    def bind_processor(self, dialect: Dialect) -> Any:
        """Like that of a single value."""
        return self._item.dialect_impl(dialect).bind_processor(dialect)


def with_arrays(statement: Any) -> Any:
    """The same statement, with ``= ANY (array)`` for ``IN`` and ``<> ALL (array)`` for ``NOT IN``.

    Raises:
        ConfigurationError: There is no array type for these values.
    """
    # Replacing something copies the whole statement.
    if not any(map(_takes_list, parts_of(statement))):
        return statement
    return visitors.replacement_traverse(statement, {}, _with_array)


def _takes_list(element: Any) -> bool:
    return (
        isinstance(element, BinaryExpression)
        and element.operator in _IN
        and isinstance(element.right, BindParameter)
        and element.right.expanding
    )


def _with_array(element: Any, **_: Any) -> Any:
    if not _takes_list(element):
        return None
    values = element.right
    kind = values.type if not isinstance(values.type, NullType) else element.left.type
    array = _as_array(values, ListOf(_checked(kind)))
    if element.operator is operators.in_op:
        return element.left == any_(array)
    return element.left != all_(array)


def _as_array(values: BindParameter[Any], kind: ListOf) -> Any:
    if values.unique:
        return literal(list(values.effective_value or ()), kind)
    given: dict[str, Any] = {} if values.required else {"value": values.value}
    return bindparam(values.key, type_=kind, **given)


def _checked(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    why = None
    if isinstance(kind, TupleType):
        why = "of several columns at once"
    elif isinstance(kind, NullType):
        why = "of values whose type is not known"
    elif isinstance(kind, ARRAY):
        why = "of arrays, whose elements may differ in length"
    elif getattr(kind, "_has_bind_expression", False):
        why = "of a type that puts an expression around each value"
    if why is not None:
        raise ConfigurationError(
            f"A compiled query cannot take an IN list {why}.",
            hint="Run the statement with database.reader() or a session.",
        )
    return kind
