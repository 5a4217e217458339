"""The Todo API: accounts, tasks and tags on a PostgreSQL, through Wellhead."""

__version__ = "0.1.0"
