"""The exceptions that Wellhead raises, and the table that says what each failure means.

Begin with ``tree``, which has every exception, and with ``faults``, which is the table.
``recognition`` finds the fault behind any driver's exception, by ``sqlstates`` and ``texts``;
``groups`` finds the exception that decides for a group, and ``classification`` says what it means.
``connecting`` translates a failure to connect, and ``attempts`` parses the drivers' messages for
it. ``discretion`` keeps statements and values out of exception messages, and ``unloaded`` names the
attribute that was read before it was loaded.
"""

from wellhead.errors.classification import Classification, classify
from wellhead.errors.connecting import connect_error, lacks_route
from wellhead.errors.discretion import keep_discreet, sentence_of, words_of
from wellhead.errors.faults import Fault
from wellhead.errors.groups import is_of_database, leaves_of
from wellhead.errors.recognition import decisive, fault_of, is_definite_answer, most_telling
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
from wellhead.errors.unloaded import not_loaded

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
    "connect_error",
    "decisive",
    "fault_of",
    "is_definite_answer",
    "is_of_database",
    "keep_discreet",
    "lacks_route",
    "leaves_of",
    "most_telling",
    "not_loaded",
    "sentence_of",
    "words_of",
]
