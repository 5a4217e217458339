"""Session state that a statement may leave for the next user of the connection."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import ExecutionContext

from wellhead.pool import UNCLEAN
from wellhead.sessions.proof import Evidence, parameters_of
from wellhead.sessions.statements import statements_of

logger = logging.getLogger(__package__)

TRANSACTIONAL = "wellhead_transactional"
"""The execution option of text that sets nothing beyond its transaction."""

_SETS = re.compile(
    r"\s*+(set\s++(?!local\b|constraints\b|transaction\b)|listen\b|prepare\b(?!\s+transaction)|load\b"
    r"|create\s++(?:global\s++|local\s++)?temp|declare\b.*\bwith\s+hold\b)",
    re.IGNORECASE | re.DOTALL,
)


def mark_leftovers(engine: Engine) -> None:
    """Mark a connection on which a statement may have left session state.

    The pool resets it before it is lent again. Statements that are proved to leave nothing do not
    mark it: those built from tables, operators, and ``pg_catalog`` functions that are known to be
    harmless.
    """

    def mark(context: ExecutionContext, statement: str, options: Mapping[str, Any]) -> None:
        del statement, options
        if not getattr(context.compiled, "leaves_nothing", False) and _may_leave(context):
            context.root_connection.info[UNCLEAN] = True

    statements_of(engine).ask_first(mark)


def warn_of_leftovers(engine: Engine) -> None:
    """Warn of a statement that sets session state behind a transaction pooler.

    The server connection is the pooler's, which lends it to other clients after the transaction,
    with that state; no reset is certain to reach the same connection.
    """

    def warn(context: ExecutionContext, statement: str, options: Mapping[str, Any]) -> None:
        del options
        compiled: Any = context.compiled
        if getattr(compiled, "leaves_nothing", False) or not _may_leave(context):
            return
        kind = kind_of(statement)
        sets = isinstance(compiled, Evidence) and compiled.sets_for_the_session(
            parameters_of(context)
        )
        if kind is not None or sets:
            logger.warning(
                "a statement (%s) sets session state behind a transaction pooler, where it reaches "
                "other clients; use SET LOCAL, set_config(.., true) or a direct connection",
                kind or "set_config",
                extra={"event": "session_state_behind_pooler"},
            )

    statements_of(engine).ask_first(warn)


def kind_of(statement: str) -> str | None:
    """The beginning of a text that sets session state, such as ``LISTEN``."""
    kind = _SETS.match(statement)
    return None if kind is None else " ".join(kind[1].split()).upper()


def _may_leave(context: ExecutionContext) -> bool:
    compiled: Any = context.compiled
    if isinstance(compiled, Evidence) and compiled.leaves_settings_only:
        return compiled.sets_for_the_session(parameters_of(context))
    return not context.execution_options.get(TRANSACTIONAL, False)
