"""The exceptions that Wellhead raises, and the table that says what each failure means.

Begin with ``tree``, which has every exception, and with ``faults``, which is the table.
``recognition`` finds the fault behind any driver's exception, by ``sqlstates`` and ``texts``;
``groups`` finds the exception that decides for a group, and ``classification`` says what it means.
``connecting`` translates a failure to connect, and ``attempts`` parses the drivers' messages for
it. ``discretion`` keeps statements and values out of exception messages, and ``unloaded`` names the
attribute that was read before it was loaded.
"""

from wellhead.errors.classification import Classification, classify
from wellhead.errors.faults import Fault
from wellhead.errors.tree import (
    AuthenticationError,
    CommandTimeoutError,
    CommittedError,
    CommitUnknownError,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    DatabaseNotFoundError,
    EmbeddedError,
    EmbeddedVersionError,
    LateCommitError,
    MigrationBusyError,
    MigrationError,
    NotLoadedError,
    NotOpenError,
    PartlyCommittedError,
    PoolMisuseError,
    PoolSaturated,
    PoolTimeout,
    ReadOnlyError,
    RequestTimeoutError,
    RolledBackError,
    SchemaAheadError,
    SchemaBehindError,
    SessionInUseError,
    SettingsError,
    SetUpError,
    StandbyError,
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
    "CommittedError",
    "ConfigurationError",
    "ConnectError",
    "CredentialsError",
    "DatabaseNotFoundError",
    "EmbeddedError",
    "EmbeddedVersionError",
    "Fault",
    "LateCommitError",
    "MigrationBusyError",
    "MigrationError",
    "NotLoadedError",
    "NotOpenError",
    "PartlyCommittedError",
    "PoolMisuseError",
    "PoolSaturated",
    "PoolTimeout",
    "ReadOnlyError",
    "RequestTimeoutError",
    "RolledBackError",
    "SchemaAheadError",
    "SchemaBehindError",
    "SessionInUseError",
    "SetUpError",
    "SettingsError",
    "StandbyError",
    "StartingError",
    "TLSError",
    "TooManyConnectionsError",
    "URLError",
    "UnreachableError",
    "WellheadError",
    "classify",
]
