"""An Alembic plugin that compares what Alembic itself does not: the models with the schema.

``enum_types`` compares the types, ``definitions`` the constraints, the indexes and the generated
columns, ``defaults`` the defaults of columns. PostgreSQL does not keep expressions as they were
written, so ``copies`` creates an empty copy of a model's table, which is rolled back, and both
sides are compared as the server prints them. ``operations`` writes plain SQL into a new migration.
"""

from wellhead.migrations.comparing.comparators import NAME, enable
from wellhead.migrations.comparing.enum_types import render_enum

__all__ = ["NAME", "enable", "render_enum"]
