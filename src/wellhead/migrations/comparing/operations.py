"""SQL for a new migration, with the SQL that takes it back."""

import re
import warnings
from typing import Any, Final

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation
from sqlalchemy import Computed, Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SAWarning

DIALECT: Final[Any] = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
"""Writes SQL for a file: one that passes parameters by ``%s`` would double each ``%``."""

quoted: Final = DIALECT.identifier_preparer.quote
"""Writes a name as SQL."""

# What text() takes for a parameter, and for a colon that is none.
_COLON: Final = re.compile(r"\\:(?!:)|(?<![:\w$\\]):(?=[\w$])")


class StatementsOp(MigrateOperation):
    """Statements that one direction of a migration runs, and those of the other direction.

    Args:
        do: The statements, in order.
        undo: What takes them back, in order.
        warning: A comment above them, for those who read the migration.
        is_outside: Run them outside of the migration's transaction.
    """

    def __init__(
        self,
        do: tuple[str, ...],
        undo: tuple[str, ...],
        *,
        warning: str = "",
        is_outside: bool = False,
    ) -> None:
        self.do = do
        self.undo = undo
        self.warning = warning
        self.is_outside = is_outside

    def reverse(self) -> "StatementsOp":
        """The other direction."""
        return StatementsOp(self.undo, self.do)

    def to_diff_tuple(self) -> tuple[str, ...]:
        """What ``alembic check`` prints of it."""
        return ("execute", *self.do)


@renderers.dispatch_for(StatementsOp)
def _render(context: AutogenContext, operation: StatementsOp) -> list[str]:
    prefix = context.opts["alembic_module_prefix"]
    comment = [f"# {operation.warning}"] if operation.warning else []
    lines = [f"{prefix}execute({as_text(statement)!r})" for statement in operation.do]
    if not operation.is_outside:
        return [*comment, *lines]
    # An empty line ends the block.
    return [*comment, f"with {prefix}get_context().autocommit_block():", *lines, ""]


def as_text(statement: str) -> str:
    """A statement for ``text()``, in which a colon begins a parameter."""
    return _COLON.sub(r"\\\g<0>", statement)


def literal(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def generation_of(computed: Computed, connection: Connection) -> str:
    """How a generated column is made, as SQL; only a newer server knows more than ``STORED``."""
    dialect: Any = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    dialect.supports_virtual_generated_columns = getattr(
        connection.dialect, "supports_virtual_generated_columns", False
    )
    with warnings.catch_warnings():
        # SQLAlchemy tells of that choice.
        warnings.simplefilter("ignore", SAWarning)
        made: str = dialect.ddl_compiler(dialect, None).process(computed)
    return made
