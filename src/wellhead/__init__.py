"""The database connection layer for FastAPI and SQLModel on PostgreSQL, Neon first."""

from wellhead.database import Database
from wellhead.errors import (
    AuthenticationError,
    Classification,
    CommandTimeoutError,
    ConfigurationError,
    ConnectError,
    DatabaseNotFoundError,
    EmbeddedError,
    Fault,
    MigrationBusyError,
    MigrationError,
    NotOpenError,
    ReadOnlyError,
    SettingsError,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
    URLError,
    WellheadError,
    classify,
)
from wellhead.health import HealthReport
from wellhead.pool import PoolStats
from wellhead.reader import Reader
from wellhead.schema import SchemaState
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL, SQLiteURL, parse_url

__all__ = [
    "AuthenticationError",
    "Classification",
    "CommandTimeoutError",
    "ConfigurationError",
    "ConnectError",
    "Database",
    "DatabaseNotFoundError",
    "DatabaseSettings",
    "EmbeddedError",
    "Fault",
    "HealthReport",
    "MigrationBusyError",
    "MigrationError",
    "NotOpenError",
    "PoolStats",
    "PostgresURL",
    "ReadOnlyError",
    "Reader",
    "SQLiteURL",
    "SchemaState",
    "SettingsError",
    "StartingError",
    "TLSError",
    "TooManyConnectionsError",
    "URLError",
    "UnreachableError",
    "WellheadError",
    "classify",
    "parse_url",
]

__version__ = "0.1.0"
