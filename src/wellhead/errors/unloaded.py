"""Attributes that were read before they were loaded, where nothing may be asked of the database.

SQLAlchemy loads what is missing when it is read. In async code only what is awaited can do that, so
it raises ``MissingGreenlet`` there, and ``DetachedInstanceError`` once the session has ended. None
of them says what to load, and pydantic keeps only their text, next to the whole row. The attribute
stands in the frames between the one who reads and SQLAlchemy.
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

# SQLModel's models set attributes by a function.
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
# What pydantic calls an attribute that could not be read; it says the exception's name and words.
_UNREADABLE = "get_attribute_error"


def refuse_lazy_load(frame: FrameType | None) -> None:
    """Raise where the caller came here by an attribute that is not loaded, or by a ``Query``.

    Args:
        frame: The caller's, outside of SQLAlchemy's greenlets.

    Raises:
        NotLoadedError: It did.
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
    """The same, of an exception of SQLAlchemy's or pydantic's; None where it is something else.

    Args:
        error: As it was raised, with its traceback; also FastAPI's of a response.
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
        # Its text has the row in it, so it is not the cause.
        found = _in_lines(error.errors())  # type: ignore[attr-defined]  # FastAPI is optional
    return found.with_traceback(error.__traceback__) if found is not None else None


def _why(error: BaseException) -> str | None:
    """In words, why an attribute could not be loaded; None where it is about something else."""
    cause = error.orig if isinstance(error, sa.StatementError) else error
    if isinstance(cause, sa.MissingGreenlet):
        return "only what is awaited can load it"
    if isinstance(cause, DetachedInstanceError):
        return "its session has ended"
    if isinstance(cause, sa.InvalidRequestError) and _RAISELOAD in str(cause):
        return "it may not be loaded by being read (raiseload)"
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
    """Meet once more what pydantic has met; nothing can be asked of the database here, either."""
    if (error := _reading(instance, field)) is not None:
        return error
    # The attribute has another name, which the words of some of SQLAlchemy's exceptions tell.
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
    except Exception as error:  # noqa: BLE001 - it is the application's object
        if (found := not_loaded(error)) is not None:
            found.__cause__ = None
            return found
    return None


def _refusal_of_query(run: FrameType) -> NotLoadedError:
    query: Any = run.f_locals["self"]
    if not hasattr(query, "attr"):
        return NotLoadedError(
            "A Query was run, and only what is awaited can ask the database.",
            hint="Run it by await session.scalars(query.statement).",
        )
    kind, key = type(query.instance).__name__, query.attr.key
    name = f"{kind.lower()}.{key}"
    return NotLoadedError(
        f"{kind}.{key} is a query (lazy='dynamic'), and only what is awaited can run it.",
        hint=f"Run it by await session.scalars({name}.statement), or make it lazy='write_only' "
        f"and read it by await session.scalars({name}.select()).",
    )


def _refusal(access: FrameType, why: str = "only what is awaited can load it") -> NotLoadedError:
    names = access.f_locals
    instance = names["instance"]
    attribute: Any = names["self"] if "self" in names else getattr(type(instance), names["key"])
    state: Any = inspect(instance)
    option = ""
    if isinstance(attribute.property, RelationshipProperty):
        option = f"by .options(selectinload({attribute})) in its query, or "
    elif attribute.key not in state.expired_attributes:
        option = f"by .options(undefer({attribute})) in its query, or "
    object_ = type(instance).__name__.lower()
    return NotLoadedError(
        f"{attribute} is not loaded, and {why}.",
        hint=f"Load it before, {option}by await session.refresh({object_}, [{attribute.key!r}]).",
    )
