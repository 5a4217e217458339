"""Values whose Python type does not match the statement: always a programming error.

asyncpg refuses most of them; psycopg sends many as text for the server to parse. When such a value
fails, both drivers raise what SQLAlchemy raises when its own types refuse a value, a
``StatementError``. A failure with the right type, such as a number that is too large, is left
alone: it can come from a client.
"""

import datetime as dt
import decimal
import re
import traceback
from collections.abc import Iterator, Mapping
from numbers import Number
from typing import Any

from sqlalchemy import event, types
from sqlalchemy import exc as sa
from sqlalchemy.engine import Dialect, Engine, ExceptionContext
from sqlalchemy.types import TypeEngine
from sqlmodel.sql.sqltypes import AutoString

from wellhead.errors.faults import Fault
from wellhead.errors.recognition import fault_of

# What a driver raises outside its own error classes, before it has sent anything.
_UNSENDABLE = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)

# Types that are accepted in addition to the Python type that SQLAlchemy names.
_ALSO: Mapping[type, tuple[type, ...]] = {
    int: (Number,),
    float: (Number,),
    decimal.Decimal: (Number,),
    bool: (Number,),
    bytes: (bytearray, memoryview),
    dt.datetime: (dt.date,),
}

_TYPES_ONLY = re.compile(
    r"Object of type \w+ is not JSON serializable"
    r"|keys must be str, int, float, bool or None, not \w+"
    r"|A value is required for bind parameter '\w+'"
    r"|A datetime with a time zone was given for [A-Z ]+\."
)

# Types that wrap another type and take its values.
_PLAIN_DECORATORS = (AutoString, types.Interval)

# Any value that can be serialised is accepted; SQLAlchemy itself refuses the others.
_ANY = (types.JSON, types.Enum)


def name_mistyped_values(engine: Engine) -> None:
    """Raise a ``StatementError`` where a statement fails because of a value of a wrong type."""

    @event.listens_for(engine, "handle_error")
    def name_it(context: ExceptionContext) -> BaseException | None:
        error, original = context.sqlalchemy_exception, context.original_exception
        if error is None:
            if not isinstance(original, _UNSENDABLE) or not _is_of_driver(original):
                return None
        elif not isinstance(error, sa.DBAPIError) or fault_of(error) is not Fault.INVALID_DATA:
            return None
        words = next(_mistyped(context), None)
        if words is None and (error is None or _only_code_sends_it(context)):
            words = types_only(original) or "A value was given that the driver cannot send."
        return None if words is None else sa.StatementError(words, None, None, None)


def types_only(error: BaseException | None) -> str | None:
    """The text of a refused value, if it is known to name types and not the value."""
    words = _TYPES_ONLY.search(str(error))
    return words and words[0]


def _is_of_driver(error: BaseException) -> bool:
    if isinstance(error, UnicodeError):
        # It is a str, and may come from a client.
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__", "").startswith("psycopg") for frame, _ in frames)


def _mistyped(context: ExceptionContext) -> Iterator[str]:
    """For each value of a wrong type, say what it is and which type it should have."""
    execution: Any = context.execution_context
    compiled = getattr(execution, "compiled", None)
    if compiled is None:
        return
    for values in execution.compiled_parameters or ():
        for name, value in values.items():
            # The values of an IN are numbered when they are sent.
            bind = compiled.binds.get(name, compiled.binds.get(name.rpartition("_")[0]))
            if bind is not None and (kind := _misfit(bind.type, value, is_list=bind.expanding)):
                type_ = bind.type.compile(dialect=context.dialect)
                yield f"{kind} was given for {name}, which is {type_}."


def _misfit(type_: TypeEngine[Any], value: object, *, is_list: bool = False) -> str | None:
    """What a value is, if it does not have this type; None if it has, or if that is unknown."""
    if isinstance(type_, types.ARRAY):
        type_, is_list = type_.item_type, True
    if is_list and isinstance(value, list | tuple | set | frozenset):
        return next(filter(None, (_misfit(type_, each, is_list=True) for each in value)), None)
    if isinstance(type_, types.TypeDecorator) and not isinstance(type_, _PLAIN_DECORATORS):
        # A TypeDecorator converts a value as it likes.
        return None
    expected = _python_type(type_)
    if value is None or expected is None or isinstance(type_, _ANY):
        return None
    if not isinstance(value, (expected, *_ALSO.get(expected, ()))):
        return f"A value of the type {type(value).__name__}"
    return _WITH_ZONE if _has_a_zone_too_many(type_, value) else None


def _python_type(type_: TypeEngine[Any]) -> type | None:
    try:
        return type_.python_type
    except NotImplementedError:
        return None


def _has_a_zone_too_many(type_: TypeEngine[Any], value: object) -> bool:
    return (
        isinstance(type_, types.DateTime)
        and not type_.timezone
        and isinstance(value, dt.datetime)
        and value.tzinfo is not None
    )


_WITH_ZONE = "A datetime with a time zone"


def _only_code_sends_it(context: ExceptionContext) -> bool:
    """Whether asyncpg refused a type not declared in the statement; text can be a client's."""
    driver = getattr(context.original_exception, "__cause__", None)
    refused = isinstance(getattr(driver, "__cause__", None), TypeError | AttributeError)
    return refused and not any(isinstance(each, str) for each in _plain(context.parameters))


def _plain(parameters: Any) -> list[Any]:
    found, waiting = [], [parameters]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            waiting.extend(each.values())
        elif isinstance(each, list | tuple):
            waiting.extend(each)
        else:
            found.append(each)
    return found


def refuse_zones(dialect: Dialect) -> None:
    """Make psycopg's dialect refuse a datetime with a time zone for a column without, as asyncpg's.

    The server would accept it and shift it by the session's ``TimeZone``.
    """
    usual: Any = dialect.colspecs[types.DateTime]

    class Timestamp(usual):  # type: ignore[misc]  # a private class of SQLAlchemy
        __visit_name__ = usual.__visit_name__

        def bind_processor(self, dialect: Dialect) -> Any:
            usual_processor = super().bind_processor(dialect)
            if self.timezone:
                return usual_processor

            def refuse(value: Any) -> Any:
                if _has_a_zone_too_many(self, value):
                    raise TypeError(f"{_WITH_ZONE} was given for {self.compile(dialect=dialect)}.")
                return value if usual_processor is None else usual_processor(value)

            return refuse

    dialect.colspecs = {**dialect.colspecs, types.DateTime: Timestamp}
