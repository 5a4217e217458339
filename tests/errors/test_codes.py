"""The doctor's code of a failure to connect, by its class and its words."""

import pytest

from wellhead import (
    AuthenticationError,
    ConnectError,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
)
from wellhead.errors.codes import code_of, codes, with_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthenticationError('password authentication failed for user "u"'), "wrong_password"),
        (AuthenticationError("no pg_hba.conf entry for host, no encryption"), "tls_required"),
        (AuthenticationError("no pg_hba.conf entry for host"), "access_refused"),
        (TooManyConnectionsError("sorry, too many clients", sqlstate="53300"), "server_full"),
        (TooManyConnectionsError("no more connections allowed"), "pooler_full"),
        (TLSError("certificate verify failed: certificate has expired"), "certificate_expired"),
        (TLSError("certificate verify failed: Hostname mismatch"), "certificate_wrong_name"),
        (TLSError("wrong version number"), "tls_failed"),
        (UnreachableError("Connection refused"), "port_refused"),
        (UnreachableError("the host name was not found (gone)"), "name_not_found"),
        (UnreachableError("server closed the connection unexpectedly"), "connection_lost"),
        (StartingError("the database system is starting up"), "server_starting"),
        (ConnectError("unsupported startup parameter: jit"), "startup_parameter_refused"),
        (ConnectError("quota exceeded"), "login_refused"),
    ],
)
def test_a_failure_has_the_code_of_its_finding(error: ConnectError, code: str) -> None:
    assert code_of(error) == code
    assert code in codes()


def test_a_log_line_ends_with_the_code_only_where_there_is_one() -> None:
    assert with_code(StartingError("starting"), "starting") == "starting [server_starting]"
    assert with_code(ValueError("no"), "no") == "no"
