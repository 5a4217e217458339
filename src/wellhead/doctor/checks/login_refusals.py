"""What a refused login means; other checks see further causes before it."""

from typing import Final

from wellhead.doctor.checks import encryption, reaching, resolving, trusting
from wellhead.doctor.findings import Diagnosis, Outcome
from wellhead.errors import ConnectError
from wellhead.errors.codes import code_of

DIAGNOSES: Final = (
    Diagnosis(
        "wrong_password",
        Outcome.FAILURE,
        "The server refuses the user or the password.",
        "PostgreSQL says the same for a role that does not exist. A password that was pasted with "
        "special characters has to be percent-encoded in a URL.",
        "Copy the URL again from the provider's page, or set a new password: "
        "ALTER ROLE app PASSWORD '...'",
    ),
    Diagnosis(
        "access_refused",
        Outcome.FAILURE,
        "The server does not let this user, database and address in.",
        "pg_hba.conf has no line that allows it, the role may not log in, or the provider's list "
        "of addresses leaves this machine out.",
        "Allow it in pg_hba.conf (hostssl shop app 10.0.0.0/8 scram-sha-256) or in the provider's "
        "list of addresses.",
    ),
    Diagnosis(
        "tls_required",
        Outcome.FAILURE,
        "The server takes encrypted connections only.",
        "The URL turns TLS off, or lets it fall away.",
        "Write sslmode=verify-full, or at least sslmode=require, in the URL.",
    ),
    Diagnosis(
        "no_credentials",
        Outcome.FAILURE,
        "The application's credentials function failed, or did not return in time.",
        "Without its password nobody can log in; the service that issues it may be away.",
        "Call the function on its own, and see what it raises.",
    ),
    Diagnosis(
        "set_up_failed",
        Outcome.FAILURE,
        "The application's set-up of a new connection failed.",
        "The login worked; what the application does on each new connection did not.",
        "Run its statements in psql on the same database, as the same user.",
    ),
    Diagnosis(
        "database_missing",
        Outcome.FAILURE,
        "The server has no database of that name.",
        "The login worked. The name after the last / of the URL has a typo, or the database was "
        "never created.",
        "Correct the name in the URL, or create it: CREATE DATABASE shop",
    ),
    Diagnosis(
        "server_starting",
        Outcome.FAILURE,
        "The server is there and starts, stops or recovers.",
        "It refuses logins until that is over: seconds after a restart, longer after a crash.",
        "wellhead wait",
    ),
    Diagnosis(
        "server_full",
        Outcome.FAILURE,
        "All of the server's connections are in use.",
        "The pools of all processes add up: each worker of each container has its own. Scripts "
        "and forgotten sessions count, too.",
        "Compute a size that fits: wellhead pool-size --max-connections 100 --replicas 2 "
        "--workers 4",
    ),
    Diagnosis(
        "pooler_full",
        Outcome.FAILURE,
        "The pooler takes no more clients, or had no server connection to lend in time.",
        "Its own limits count, not the server's: max_client_conn for clients, pool_size for server "
        "connections. Long transactions hold the latter.",
        "Lower DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW, or raise max_client_conn and "
        "default_pool_size of the pooler.",
    ),
    Diagnosis(
        "startup_parameter_refused",
        Outcome.FAILURE,
        "The pooler refuses a parameter at the start of the connection.",
        "Poolers only know a few, since a server connection is shared: statement_timeout, jit and "
        "search_path are not among them.",
        "Add pgbouncer=true to the URL, and set the parameter for the role: ALTER ROLE app SET "
        "statement_timeout = '5s'",
    ),
    Diagnosis(
        "connection_lost",
        Outcome.FAILURE,
        "The connection was lost in the middle of the login.",
        "The server or something on the way ended it: a crash, a restart, a proxy that could not "
        "reach the server behind it.",
        "Try again: wellhead wait. If it stays, look at the log of the server or the proxy.",
    ),
    Diagnosis(
        "login_refused",
        Outcome.FAILURE,
        "The server, the pooler or the provider refuses the login for a reason of its own.",
        "The sentence is theirs. An exhausted quota and a disabled endpoint end here.",
        "Look for the words of the sentence in the provider's documentation.",
    ),
)
"""Every refusal that is not seen before the login."""


_SEEN_BEFORE: Final = (
    *resolving.DIAGNOSES,
    *reaching.DIAGNOSES,
    *encryption.DIAGNOSES,
    *trusting.DIAGNOSES,
)
_BY_CODE: Final = {diagnosis.code: diagnosis for diagnosis in (*DIAGNOSES, *_SEEN_BEFORE)}


def diagnosis_of(error: ConnectError) -> Diagnosis:
    """The diagnosis of a failure to connect."""
    return _BY_CODE[code_of(error)]
