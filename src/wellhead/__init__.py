"""The database connection layer for FastAPI and SQLModel on PostgreSQL, Neon first."""

from wellhead.database import Database
from wellhead.errors import (
    AuthenticationError,
    Classification,
    CommandTimeoutError,
    CommitUnknownError,
    ConfigurationError,
    ConnectError,
    DatabaseNotFoundError,
    EmbeddedError,
    Fault,
    MigrationBusyError,
    MigrationError,
    NotCommittedError,
    NotOpenError,
    PoolMisuseError,
    PoolSaturated,
    PoolTimeout,
    ReadOnlyError,
    RequestTimeoutError,
    RolledBackError,
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
from wellhead.pool import AsyncPool, DriverPool, PoolPolicy, PoolStats, Timing
from wellhead.reader import Reader
from wellhead.readiness import Readiness
from wellhead.run_stats import RunStats
from wellhead.schema import SchemaState
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL, SQLiteURL, parse_url

__all__ = [
    "AsyncPool",
    "AuthenticationError",
    "Classification",
    "CommandTimeoutError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConnectError",
    "Database",
    "DatabaseNotFoundError",
    "DatabaseSettings",
    "DriverPool",
    "EmbeddedError",
    "Fault",
    "HealthReport",
    "MigrationBusyError",
    "MigrationError",
    "NotCommittedError",
    "NotOpenError",
    "PoolMisuseError",
    "PoolPolicy",
    "PoolSaturated",
    "PoolStats",
    "PoolTimeout",
    "PostgresURL",
    "ReadOnlyError",
    "Reader",
    "Readiness",
    "RequestTimeoutError",
    "RolledBackError",
    "RunStats",
    "SQLiteURL",
    "SchemaState",
    "SettingsError",
    "StartingError",
    "TLSError",
    "Timing",
    "TooManyConnectionsError",
    "URLError",
    "UnreachableError",
    "WellheadError",
    "classify",
    "parse_url",
]

__version__ = "0.1.0"
