"""Attributes that were read before they were loaded, where no query is possible.

SQLAlchemy loads a missing attribute when it is read. In async code only an awaited call can do
that, so SQLAlchemy raises ``MissingGreenlet`` there, and ``DetachedInstanceError`` once the session
has ended. Neither says what to load, and pydantic keeps only the text, next to the whole row. The
attribute is found in the stack frames between the reader and SQLAlchemy.
"""

import traceback
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any

from pydantic import ValidationError
from sqlalchemy import exc as sa
from sqlalchemy import inspect
from sqlalchemy.orm import InstrumentedAttribute, Query, RelationshipProperty
from sqlalchemy.orm.attributes import del_attribute, set_attribute
from sqlalchemy.orm.dynamic import AppenderQuery
from sqlalchemy.orm.exc import DetachedInstanceError

from wellhead.errors.tree import NotLoadedError

# SQLModel's models set attributes with a function.
_ACCESS = frozenset(
    way.__code__
    for way in (
        InstrumentedAttribute.__get__,
        InstrumentedAttribute.__set__,
        InstrumentedAttribute.__delete__,
        set_attribute,
        del_attribute,
    )
)
# A relationship with lazy="dynamic" is a query that is run whenever it is read.
_QUERY = frozenset(
    way.__code__
    for way in (
        Query._iter,  # noqa: SLF001 - tests/test_undocumented_names.py
        AppenderQuery._iter,  # noqa: SLF001 - the same
        AppenderQuery.__getitem__,
        AppenderQuery.count,
        AppenderQuery.session.fget,  # type: ignore[attr-defined]  # a property
    )
)
_RAISELOAD = "is not available due to "
_OF_FASTAPI = "ResponseValidationError"
_SQLALCHEMYS = ("MissingGreenlet", "DetachedInstanceError", "StatementError")
# What pydantic calls an attribute that could not be read; it gives the exception's name and text.
_UNREADABLE = "get_attribute_error"


def refuse_lazy_load(frame: FrameType | None) -> None:
    """Raise if the caller got here by an attribute that is not loaded, or by a ``Query``.

    Args:
        frame: The caller's frame, outside SQLAlchemy's greenlets.

    Raises:
        NotLoadedError: The attribute is not loaded.
    """
    query: FrameType | None = None
    while frame is not None:
        if frame.f_code in _ACCESS:
            raise _refusal(frame)
        if frame.f_code in _QUERY:
            # The outermost is the relationship; it makes an ordinary query of itself.
            query = frame
        frame = frame.f_back
    if query is not None:
        raise _refusal_of_query(query)


def not_loaded(error: BaseException) -> NotLoadedError | None:
    """The same for an exception of SQLAlchemy or pydantic; None if it is about something else.

    Args:
        error: As it was raised, with its traceback; also FastAPI's response validation error.
    """
    if isinstance(error, NotLoadedError):
        return error
    found: NotLoadedError | None = None
    if why := _why(error):
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        access = next((frame for frame in reversed(frames) if frame.f_code in _ACCESS), None)
        query = next((frame for frame in frames if frame.f_code in _QUERY), None)
        if access is not None:
            found = _refusal(access, why)
        elif query is not None:
            found = _refusal_of_query(query)
        if found is not None:
            found.__cause__ = error
    elif isinstance(error, ValidationError) or type(error).__name__ == _OF_FASTAPI:
        # Its text contains the row, so it must not become the cause.
        found = _in_lines(error.errors())  # type: ignore[attr-defined]  # FastAPI is optional
    return found.with_traceback(error.__traceback__) if found is not None else None


def _why(error: BaseException) -> str | None:
    """Why an attribute could not be loaded, in words; None if it is about something else."""
    cause = error.orig if isinstance(error, sa.StatementError) else error
    if isinstance(cause, sa.MissingGreenlet):
        return "only an awaited call can load it"
    if isinstance(cause, DetachedInstanceError):
        return "its session has ended"
    if isinstance(cause, sa.InvalidRequestError) and _RAISELOAD in str(cause):
        return "raiseload forbids loading it on access"
    return None


def _in_lines(lines: Iterable[Mapping[str, Any]]) -> NotLoadedError | None:
    for line in lines:
        if line["type"] != _UNREADABLE:
            continue
        kind, _, words = str(line["ctx"]["error"]).partition(": ")
        if kind == NotLoadedError.__name__:
            message, _, hint = words.partition("\n")
            return NotLoadedError(message, hint=hint)
        if kind in _SQLALCHEMYS or _RAISELOAD in words:
            return _read_again(line["input"], str(line["loc"][-1]), words)
    return None


def _read_again(instance: object, field: str, words: str) -> NotLoadedError | None:
    """Repeat the read that failed for pydantic; no query is possible here, either."""
    if (error := _reading(instance, field)) is not None:
        return error
    # The attribute has another name; some of SQLAlchemy's exceptions mention it.
    unloaded = sorted(getattr(inspect(instance, raiseerr=False), "unloaded", ()))
    names = [name for name in unloaded if f"'{name}'" in words] or unloaded
    found = {name: error for name in names if (error := _reading(instance, name)) is not None}
    if len(found) <= 1:
        return next(iter(found.values()), None)
    one_of = ", ".join(f"{type(instance).__name__}.{name}" for name in found)
    hints = dict.fromkeys(error.hint for error in found.values() if error.hint)
    return NotLoadedError(
        f"One of {one_of} is not loaded, and the field {field!r} reads it.", hint="\n".join(hints)
    )


def _reading(instance: object, name: str) -> NotLoadedError | None:
    try:
        getattr(instance, name, None)
    except Exception as error:  # noqa: BLE001 - the object is the application's
        if (found := not_loaded(error)) is not None:
            found.__cause__ = None
            return found
    return None


def _refusal_of_query(run: FrameType) -> NotLoadedError:
    query: Any = run.f_locals["self"]
    if not hasattr(query, "attr"):
        return NotLoadedError(
            "A Query was run, and only an awaited call can query the database.",
            hint="Run it with await session.scalars(query.statement).",
        )
    kind, key = type(query.instance).__name__, query.attr.key
    name = f"{kind.lower()}.{key}"
    return NotLoadedError(
        f"{kind}.{key} is a query (lazy='dynamic'), and only an awaited call can run it.",
        hint=f"Run it with await session.scalars({name}.statement), or make it lazy='write_only' "
        f"and read it with await session.scalars({name}.select()).",
    )


def _refusal(access: FrameType, why: str = "only an awaited call can load it") -> NotLoadedError:
    names = access.f_locals
    instance = names["instance"]
    attribute: Any = names["self"] if "self" in names else getattr(type(instance), names["key"])
    state: Any = inspect(instance)
    option = ""
    if isinstance(attribute.property, RelationshipProperty):
        option = f"with .options(selectinload({attribute})) in its query, or "
    elif attribute.key not in state.expired_attributes:
        option = f"with .options(undefer({attribute})) in its query, or "
    object_ = type(instance).__name__.lower()
    return NotLoadedError(
        f"{attribute} is not loaded, and {why}.",
        hint=f"Load it before, {option}with await session.refresh({object_}, [{attribute.key!r}]).",
    )
