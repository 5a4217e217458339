"""The database connection layer for FastAPI and SQLModel on PostgreSQL, Neon first."""

__version__ = "0.1.0"
