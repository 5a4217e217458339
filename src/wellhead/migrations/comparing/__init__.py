"""The models compared with the schema, as far as Alembic does not do it: a plugin of Alembic's.

``enum_types`` compares the types, ``definitions`` the constraints, the indexes and the generated
columns, ``defaults`` the defaults of columns. What PostgreSQL writes in its own words is compared
in these words: ``copies`` makes an empty copy of a model's table, which is rolled back, so that
the server words both sides. ``operations`` is what a new migration gets of it, in plain SQL.
"""

from wellhead.migrations.comparing.comparators import NAME, enable
from wellhead.migrations.comparing.enum_types import render_enum

__all__ = ["NAME", "enable", "render_enum"]
