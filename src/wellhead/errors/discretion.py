"""Exceptions without statements and values, so that no log of an exception shows them.

SQLAlchemy puts the statement into the text of an exception, and the server puts values there: the
row that violates a constraint, the input that is not a number. A log of the exception, or of one
raised from it, would contain them.
"""

import re

import asyncpg
from sqlalchemy import event
from sqlalchemy import exc as sa
from sqlalchemy.engine import Engine, ExceptionContext

from wellhead.errors.attempts import without_class
from wellhead.errors.mistyped import types_only
from wellhead.errors.recognition import decisive, sqlstate_of
from wellhead.errors.tree import WellheadError

_QUOTED = re.compile(r'"[\s\S]*"')
# Line breaks, terminal control characters, and characters that change the text direction.
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# asyncpg repeats the value, and gives the reason in parentheses at the end.
_ARGUMENT = re.compile(
    r"(invalid input for query argument \$\d+)"
    r"[\s\S]*?( \(value out of u?(?:int|float)\d+ range\))?$"
)


def keep_discreet(engine: Engine, *, show_statements: bool, show_values: bool) -> None:
    """Remove statements and values from the exceptions of an engine's connections.

    SQLSTATE, constraint, table and column stay on the driver's exception.

    Args:
        engine: The engine.
        show_statements: Keep the statement, in the text and as ``statement``.
        show_values: Keep the server's DETAIL, which can repeat values.
    """

    @event.listens_for(engine, "handle_error")
    def tidy(context: ExceptionContext) -> BaseException | None:
        error = context.sqlalchemy_exception
        if error is None:
            return _unsendable(context.original_exception)
        if not show_statements:
            error.statement = None
        if not show_values:
            if isinstance(error, sa.DBAPIError):
                _leave_out_values(error)
            else:
                _name_types_only(error)
        return None


def _name_types_only(error: sa.StatementError) -> None:
    """Where SQLAlchemy's types refuse a value, keep only the words that name types."""
    orig = error.orig
    if isinstance(orig, sa.MissingGreenlet):
        # No value was at fault, and the text has none.
        return
    error.args = (types_only(orig) or f"A value was refused ({type(orig).__name__}).",)
    part: BaseException | None = orig
    while part is not None:
        part.args = error.args
        part = part.__cause__ or part.__context__


def words_of(error: BaseException) -> str:
    """An exception's message on one line, without statement and values, whatever engine raised it.

    For an exception group, the message of the exception that decides. Empty for an exception that
    is neither Wellhead's nor SQLAlchemy's.
    """
    error = decisive(error)
    if isinstance(error, sa.DBAPIError):
        said = without_class(str(error.orig))
        return _discreet(said, repeats_input=_repeats_input(error))
    if isinstance(error, WellheadError | sa.SQLAlchemyError) and error.args:
        return _discreet(str(error.args[0]), repeats_input=False)
    return ""


def sentence_of(error: BaseException) -> str:
    """The text of :func:`words_of` without its full stop, and with the SQLSTATE if it has one."""
    words, sqlstate = words_of(error).rstrip("."), sqlstate_of(error)
    return f"{words} (SQLSTATE {sqlstate})" if sqlstate else words


def _unsendable(error: BaseException) -> BaseException | None:
    # For text that is not UTF-8, psycopg raises it as it is; asyncpg makes a DataError of it.
    if not isinstance(error, UnicodeEncodeError):
        return None
    return sa.DataError(None, None, UnicodeError("Text was given that is not UTF-8."))


def _leave_out_values(error: sa.DBAPIError) -> None:
    repeats_input = _repeats_input(error)
    # asyncpg's own exception is the cause of the one that SQLAlchemy's dialect made from it.
    driver = error.orig.__cause__ if error.orig is not None else None
    for part in (error, error.orig, driver):
        if part is not None and part.args:
            text = _discreet(str(part.args[0]), repeats_input=repeats_input)
            part.args = (text, *part.args[1:])
    if isinstance(driver, asyncpg.PostgresError | asyncpg.InterfaceError) and driver.detail:
        # asyncpg appends this to its text; the dialect's exception keeps it as `orig.detail`. With
        # an asyncpg that lacks the attribute, this fails rather than log values.
        driver.detail = None
    if driver is not None and repeats_input:
        driver.__cause__ = None


def _repeats_input(error: sa.DBAPIError) -> bool:
    sqlstate = sqlstate_of(error) or ""
    return sqlstate.startswith("22") or sqlstate == "42601"


def _discreet(text: str, *, repeats_input: bool) -> str:
    if repeats_input:
        text = _ARGUMENT.sub(r"\1\2", _QUOTED.sub('"***"', text))
    # The following lines are psycopg's excerpt of the statement, DETAIL, HINT and CONTEXT.
    return _NOT_SHOWN.sub("?", text.partition("\n")[0])
