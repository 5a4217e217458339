"""Migrations as SQL text, for people and for linters; needs no database."""

import io
import sys
from collections.abc import Sequence
from typing import Any, Final, TextIO

from alembic import context
from sqlalchemy import MetaData

from wellhead.connecting.hooks import Source, taken_from
from wellhead.settings.migrating import MigrationSettings

_BEGIN: Final = "BEGIN;"


def write_sql(
    metadata: MetaData | Sequence[MetaData],
    options: dict[str, Any],
    output: TextIO | None,
    source: Source | None,
) -> None:
    """Write the statements of the migrations asked for, each in its transaction.

    They wait for tables as long as migrations do, and give up then.
    """
    settings = MigrationSettings() if source is None else taken_from(source)[0]
    limit = settings.migration_lock_timeout
    written = io.StringIO()
    context.configure(
        **{
            "dialect_name": "postgresql",
            "target_metadata": metadata,
            "literal_binds": True,
            "transaction_per_migration": True,
            "output_buffer": written,
            **options,
        }
    )
    with context.begin_transaction():
        context.run_migrations()
    limited = f"{_BEGIN}\n\nSET LOCAL lock_timeout = '{round(limit * 1000)}ms';\n"
    (output or sys.stdout).write(written.getvalue().replace(f"{_BEGIN}\n", limited))
