"""The Todo API: accounts, tasks and tags on PostgreSQL, built on Wellhead."""

from pathlib import Path

__version__ = "0.1.0"

MIGRATIONS = Path(__file__).parent / "migrations"
"""The directory of `env.py` and the revisions."""
