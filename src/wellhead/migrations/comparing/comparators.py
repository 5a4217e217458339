"""What Alembic calls, and the order in which a new migration does things."""

import sys
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Enum, String
from sqlalchemy.types import TypeEngine

from wellhead.migrations.comparing.defaults import (
    compare_default,
    default_of,
    leave_generated,
)
from wellhead.migrations.comparing.definitions import compare_definitions
from wellhead.migrations.comparing.enum_types import EnumTypes, has_enum
from wellhead.migrations.comparing.operations import DIALECT, StatementsOp, quoted
from wellhead.migrations.comparing.rebuilding import retyped

NAME: Final = "wellhead.comparing"
"""What ``~wellhead.comparing`` in Alembic's option ``autogenerate_plugins`` switches off."""


def setup(plugin: Plugin) -> None:
    """Tell Alembic what to call."""
    plugin.add_autogenerate_comparator(
        leave_generated, "column", "server_default", priority=DispatchPriority.FIRST
    )
    plugin.add_autogenerate_comparator(compare_default, "column", "server_default")
    plugin.add_autogenerate_comparator(
        _compare, "autogenerate", "wellhead", priority=DispatchPriority.LAST
    )


def enable() -> None:
    """Make the plugin known to Alembic, which uses it where an environment names it."""
    Plugin.setup_plugin_from_module(sys.modules[__name__], NAME)


def _compare(context: AutogenContext, operations: ops.UpgradeOps) -> PriorityDispatchResult:
    definitions = compare_definitions(context, operations)
    types = EnumTypes(context, operations)
    dropped = list(types.dropped())
    is_alone = not (
        operations.ops
        or definitions.before
        or definitions.after
        or dropped
        or types.has_more_than_additions
    )
    created = list(types.created())
    changed = list(types.changed(is_alone=is_alone, dropped=definitions.dropped))
    _retype(operations)
    operations.ops[:] = [
        # A column takes its constraints along when it is dropped, and then they cannot be.
        *definitions.before,
        *created,
        *changed,
        *operations.ops,
        *definitions.after,
        *dropped,
    ]
    return PriorityDispatchResult.CONTINUE


def _retype(operations: ops.OpContainer) -> None:
    """Say how a text becomes an enum value, and the other way round, which Alembic does not."""
    changed: list[ops.MigrateOperation] = []
    for each in operations.ops:
        if isinstance(each, ops.OpContainer):
            _retype(each)
        elif isinstance(each, ops.AlterColumnOp) and _concerns_enum(each):
            changed.append(_retyped(each))
            each.modify_type = None
            each.modify_server_default = False
            if not each.has_changes():
                continue
        elif isinstance(each, ops.AlterColumnOp) and isinstance(each.modify_type, Enum):
            # With the type of an enum that is a text, Alembic would add and drop its CHECK, too.
            each.modify_type = String(each.modify_type.length)
        changed.append(each)
    operations.ops[:] = changed


def _concerns_enum(operation: ops.AlterColumnOp) -> bool:
    return operation.modify_type is not None and (
        has_enum(operation.modify_type) or has_enum(operation.existing_type)
    )


def _retyped(operation: ops.AlterColumnOp) -> StatementsOp:
    old = default_of(operation.existing_server_default)
    is_kept = operation.modify_server_default is False
    new = old if is_kept else default_of(operation.modify_server_default)
    schema = f"{quoted(operation.schema)}." if operation.schema else ""
    table = f"ALTER TABLE {schema}{quoted(operation.table_name)}"
    there = retyped(operation.column_name, _kind(operation.modify_type), old, new)
    back = retyped(operation.column_name, _kind(operation.existing_type), new, old)
    return StatementsOp((f"{table} {there}",), (f"{table} {back}",))


def _kind(kind: "TypeEngine[Any] | None") -> str:
    written: str = DIALECT.type_compiler_instance.process(kind)
    return written
