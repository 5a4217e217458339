"""The exceptions that Wellhead raises, and the one table that says what a failure means.

Begin with ``tree``, which has every exception, and with ``faults``, which is the table.
``recognition`` tells which fault an exception of any driver is, by ``sqlstates`` and ``texts``,
``groups`` which exception of several decides, and ``classification`` what that means.
``connecting`` translates a failure to connect, of which ``attempts`` takes the drivers' words
apart; ``discretion`` keeps statements and values out of what exceptions say, and ``unloaded`` names
the attribute that was read before it was loaded.
"""

from wellhead.errors.classification import Classification, classify
from wellhead.errors.connecting import connect_error, lacks_route
from wellhead.errors.discretion import keep_discreet, sentence_of, words_of
from wellhead.errors.faults import Fault
from wellhead.errors.groups import is_of_database, leaves_of
from wellhead.errors.recognition import decisive, fault_of, is_definite_answer
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
    SessionInUseError,
    SettingsError,
    SetUpError,
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
    "SessionInUseError",
    "SetUpError",
    "SettingsError",
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
    "not_loaded",
    "sentence_of",
    "words_of",
]
