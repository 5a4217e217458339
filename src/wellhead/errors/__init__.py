"""The exceptions that Wellhead raises, and the one table that says what a failure means."""

from wellhead.errors.classification import Classification, classify
from wellhead.errors.connecting import connect_error
from wellhead.errors.discretion import keep_discreet, words_of
from wellhead.errors.faults import Fault
from wellhead.errors.recognition import fault_of, is_definite_answer
from wellhead.errors.tree import (
    AuthenticationError,
    CommandTimeoutError,
    CommitUnknownError,
    ConfigurationError,
    ConnectError,
    DatabaseNotFoundError,
    EmbeddedError,
    MigrationBusyError,
    MigrationError,
    NotOpenError,
    PoolMisuseError,
    PoolSaturated,
    PoolTimeout,
    ReadOnlyError,
    SettingsError,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
    URLError,
    WellheadError,
)

__all__ = [
    "AuthenticationError",
    "Classification",
    "CommandTimeoutError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConnectError",
    "DatabaseNotFoundError",
    "EmbeddedError",
    "Fault",
    "MigrationBusyError",
    "MigrationError",
    "NotOpenError",
    "PoolMisuseError",
    "PoolSaturated",
    "PoolTimeout",
    "ReadOnlyError",
    "SettingsError",
    "StartingError",
    "TLSError",
    "TooManyConnectionsError",
    "URLError",
    "UnreachableError",
    "WellheadError",
    "classify",
    "connect_error",
    "fault_of",
    "is_definite_answer",
    "keep_discreet",
    "words_of",
]
