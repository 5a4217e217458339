"""The doctor's code for a failure to connect, by which ``wellhead doctor --explain`` explains it.

Below the doctor, so that log lines can name it without examining anything.
"""

from wellhead.errors.tree import (
    AuthenticationError,
    ConnectError,
    CredentialsError,
    DatabaseNotFoundError,
    SetUpError,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
)

_BY_CLASS: tuple[tuple[type[ConnectError], str], ...] = (
    (CredentialsError, "no_credentials"),
    (SetUpError, "set_up_failed"),
    (DatabaseNotFoundError, "database_missing"),
    (StartingError, "server_starting"),
    (TLSError, "tls_failed"),
    (AuthenticationError, "access_refused"),
    (TooManyConnectionsError, "pooler_full"),
    (UnreachableError, "connection_lost"),
)

_SERVER_IS_FULL = "53300"
_OTHERWISE = "login_refused"

# Words of the message, where the class alone does not tell.
_BY_WORDS: tuple[tuple[type[ConnectError], str, str], ...] = (
    (AuthenticationError, "no encryption", "tls_required"),
    (AuthenticationError, "password authentication failed", "wrong_password"),
    (AuthenticationError, "sasl authentication failed", "wrong_password"),
    (AuthenticationError, "no password supplied", "wrong_password"),
    (TLSError, "is insecure", "tls_required"),
    (TLSError, "ssl required", "tls_required"),
    (TLSError, "rejected ssl upgrade", "no_tls_offered"),
    (TLSError, "does not support ssl", "no_tls_offered"),
    (TLSError, "has expired", "certificate_expired"),
    (TLSError, "self-signed certificate in", "certificate_unknown_authority"),
    (TLSError, "self-signed certificate", "certificate_self_signed"),
    (TLSError, "unable to get local issuer", "certificate_unknown_authority"),
    (TLSError, "mismatch", "certificate_wrong_name"),
    (TLSError, "does not match", "certificate_wrong_name"),
    (UnreachableError, "ipv6 addresses only", "ipv6_only"),
    (UnreachableError, "the host name was not found", "name_not_found"),
    (UnreachableError, "refused", "port_refused"),
    (UnreachableError, "no response within", "port_filtered"),
    (UnreachableError, "timeout expired", "port_filtered"),
    (ConnectError, "startup parameter", "startup_parameter_refused"),
)


def code_of(error: ConnectError) -> str:
    """The code of the finding with which the doctor would report the same failure."""
    if isinstance(error, TooManyConnectionsError) and error.sqlstate == _SERVER_IS_FULL:
        return "server_full"
    words = str(error.args[0]).casefold()
    for kind, part, code in _BY_WORDS:
        if isinstance(error, kind) and part in words:
            return code
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), _OTHERWISE)


def with_code(error: BaseException, words: str) -> str:
    """A log line's words about an error, with the code if the doctor has one."""
    return f"{words} [{code_of(error)}]" if isinstance(error, ConnectError) else words


def codes() -> set[str]:
    """Every code that :func:`code_of` returns."""
    return {
        "server_full",
        _OTHERWISE,
        *(code for _, code in _BY_CLASS),
        *(code for _, _, code in _BY_WORDS),
    }
