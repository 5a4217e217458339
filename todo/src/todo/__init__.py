"""The Todo API: accounts, tasks and tags on a PostgreSQL, through Wellhead."""

from pathlib import Path

__version__ = "0.1.0"

MIGRATIONS = Path(__file__).parent / "migrations"
"""Where `env.py` and the revisions lie."""
