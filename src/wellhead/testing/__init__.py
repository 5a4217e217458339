"""Tests of an application on a real PostgreSQL: a pytest plugin, loaded by ``-p wellhead.testing``.

Begin with ``plugin``: its fixtures give a test a migrated database of its own worker, and roll back
what the test has done there.
"""

from wellhead.testing.plugin import (
    database,
    pytest_configure,
    wellhead_database,
    wellhead_schema,
    wellhead_url,
)

__all__ = [
    "database",
    "pytest_configure",
    "wellhead_database",
    "wellhead_schema",
    "wellhead_url",
]
