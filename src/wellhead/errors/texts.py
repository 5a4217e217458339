"""The texts with which servers, poolers and proxies refuse a connection, and what each means.

A new text is one row here, under its speaker, and one in ``tests/errors/refusals.txt``. The part
that occurs first in a text decides, and of two at the same position the longer one; so the order of
rows does not matter, and a name quoted later in the text cannot deceive. In messages of Neon's
console and control plane, the part after "request failed: " decides.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from wellhead.errors.faults import Fault


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a text means.

    Attributes:
        part: The lower-case text to look for.
        fault: What went wrong.
        hint: What to do, if more can be said than for the fault in general.
    """

    part: str
    fault: Fault
    hint: str | None = None


_SUPABASE_USER = (
    "Use the user name, the host and the port together as Supabase prints them (the pooler's user "
    "is named like postgres.<project>), and check whether the project is paused."
)
_SESSION_MODE = (
    "In session mode a client keeps one of the pooler's connections: lower DATABASE_POOL_SIZE and "
    "DATABASE_MAX_OVERFLOW, or use the port of the transaction mode."
)
_ALLOW_ADDRESS = "Add this machine's address to the provider's list of allowed addresses."
_QUOTA = "Raise the plan's limits with the provider, or wait until its next period begins."
_NOT_THERE = "Check the host name in the database URL, and that its compute was not deleted."
_ENABLE = "Enable the compute in Neon's console, or use another branch."
_ASK_FOR_TLS = "Set sslmode=verify-full, or at least sslmode=require, in the database URL."
_PARAMETER = (
    "Leave the parameter out of the database URL, or connect past the pooler, which does not pass "
    "it on."
)
_ENDPOINT = "Use the host name that Neon prints, or add options=endpoint%3D<id> to the URL."
_ATTRIBUTES = (
    "During a failover it succeeds once a standby is promoted; otherwise list all servers in the "
    "database URL, or change its target_session_attrs."
)
_PG_HBA = (
    "Allow the user, the database and the address in pg_hba.conf; if the message says "
    "'no encryption', set sslmode=require in the database URL."
)

# PostgreSQL in the C locale: src/backend/libpq/auth.c, src/backend/utils/init/postinit.c,
# src/backend/tcop/backend_startup.c. Every method and pooler says "authentication failed":
# password, PAM, LDAP, RADIUS, GSSAPI, SSPI, peer, ident, IAM, SASL and so on.
_POSTGRES = (
    Refusal("authentication failed", Fault.AUTHENTICATION),
    Refusal("certificate authentication failed", Fault.AUTHENTICATION),
    Refusal(
        "connection requires a valid client certificate",
        Fault.AUTHENTICATION,
        "Set the client certificate with sslcert and sslkey in the database URL.",
    ),
    Refusal("empty password returned by client", Fault.AUTHENTICATION),
    Refusal("no pg_hba.conf entry", Fault.AUTHENTICATION, _PG_HBA),
    Refusal("pg_hba.conf rejects", Fault.AUTHENTICATION, _PG_HBA),
    Refusal("permission denied for database", Fault.AUTHENTICATION),
    Refusal('role "', Fault.AUTHENTICATION),
    Refusal('database "', Fault.DATABASE_NOT_FOUND),
    Refusal("too many connections", Fault.TOO_MANY_CONNECTIONS),
    Refusal("too many clients", Fault.TOO_MANY_CONNECTIONS),
    Refusal("connection slots are reserved", Fault.TOO_MANY_CONNECTIONS),
    Refusal("the database system is", Fault.STARTING),
    Refusal("terminating connection", Fault.STARTING),
)

# libpq (src/interfaces/libpq), psycopg and asyncpg, on their own behalf.
_DRIVERS = (
    Refusal("no password supplied", Fault.AUTHENTICATION),
    Refusal("authentication method requirement", Fault.AUTHENTICATION),
    Refusal("cached statement plan is invalid", Fault.STALE_PLAN),
    Refusal("number of parameters must be between", Fault.PROGRAMMING),
    Refusal("number of query arguments cannot exceed", Fault.PROGRAMMING),
    Refusal("certificate", Fault.TLS),
    Refusal("channel binding", Fault.TLS),
    Refusal("does not support ssl", Fault.TLS),
    Refusal("hot standby mode", Fault.STARTING, _ATTRIBUTES),
    Refusal("match the target attribute requirement", Fault.STARTING, _ATTRIBUTES),
    Refusal("session is not read-only", Fault.STARTING, _ATTRIBUTES),
    Refusal("session is read-only", Fault.STARTING, _ATTRIBUTES),
    Refusal("private key file", Fault.TLS),
    Refusal("rejected ssl upgrade", Fault.TLS),
    Refusal("ssl error", Fault.TLS),
    Refusal("ssl error: unexpected eof", Fault.UNREACHABLE),
    Refusal("could not translate host name", Fault.UNREACHABLE),
    Refusal("failed to resolve host", Fault.UNREACHABLE),
    Refusal("server closed the connection", Fault.UNREACHABLE),
    Refusal("timeout expired", Fault.UNREACHABLE),
)

# PgBouncer 1.12 to 1.25: src/client.c, src/janitor.c, src/objects.c, src/server.c.
_PGBOUNCER = (
    Refusal("auth failed", Fault.AUTHENTICATION),
    Refusal("login rejected", Fault.AUTHENTICATION),
    Refusal("no such user", Fault.AUTHENTICATION),
    Refusal("wrong password type", Fault.AUTHENTICATION),
    Refusal("no such database", Fault.DATABASE_NOT_FOUND),
    Refusal("unsupported startup parameter", Fault.REFUSED, _PARAMETER),
    Refusal("unsupported options startup parameter", Fault.REFUSED, _PARAMETER),
    Refusal("ssl required", Fault.TLS, _ASK_FOR_TLS),
    Refusal("bouncer resources exhaustion", Fault.TOO_MANY_CONNECTIONS),
    Refusal("client connections exceeded", Fault.TOO_MANY_CONNECTIONS),
    Refusal("no more connections allowed", Fault.TOO_MANY_CONNECTIONS),
    Refusal("query_wait_timeout", Fault.TOO_MANY_CONNECTIONS),
    Refusal("no memory for", Fault.OUT_OF_RESOURCES),
    Refusal("pooler is shutting down", Fault.STARTING),
    Refusal("server shutting down", Fault.STARTING),
    Refusal("cannot connect to server", Fault.UNREACHABLE),
    Refusal("client_login_timeout", Fault.UNREACHABLE),
    Refusal("server dns lookup failed", Fault.UNREACHABLE),
    Refusal("server_login_retry", Fault.UNREACHABLE),
)

# Neon's proxy (proxy/src: auth/mod.rs, control_plane/errors.rs and messages.rs) and the control
# plane behind it: https://neon.com/docs/connect/connection-errors. The code is always XX000.
_NEON = (
    Refusal("from a blocked network", Fault.AUTHENTICATION, _ALLOW_ADDRESS),
    Refusal("is not allowed to connect to this endpoint", Fault.AUTHENTICATION, _ALLOW_ADDRESS),
    Refusal("role you're attempting to use is protected", Fault.AUTHENTICATION),
    *(
        Refusal(f"{what} could not be found", Fault.DATABASE_NOT_FOUND, _NOT_THERE)
        for what in ("branch", "endpoint", "project", "resource")
    ),
    Refusal("endpoint cannot be found", Fault.DATABASE_NOT_FOUND, _NOT_THERE),
    Refusal("endpoint has been disabled", Fault.REFUSED, _ENABLE),
    Refusal("endpoint is disabled", Fault.REFUSED, _ENABLE),
    Refusal("endpoint id is not specified", Fault.REFUSED, _ENDPOINT),
    Refusal("inconsistent project name", Fault.REFUSED, _ENDPOINT),
    Refusal("quota", Fault.REFUSED, _QUOTA),
    Refusal("upgrade your plan", Fault.REFUSED, _QUOTA),
    Refusal("connection is insecure", Fault.TLS, _ASK_FOR_TLS),
    Refusal("active endpoints limit exceeded", Fault.TOO_MANY_CONNECTIONS),
    Refusal("exceeded the limit of concurrently active", Fault.TOO_MANY_CONNECTIONS),
    Refusal("exceeded the rate limit", Fault.TOO_MANY_CONNECTIONS),
    Refusal("failed to acquire permit", Fault.TOO_MANY_CONNECTIONS),
    Refusal("already has running operations", Fault.STARTING),
    Refusal("console request failed", Fault.STARTING),
    Refusal("control plane request failed", Fault.STARTING),
    Refusal("couldn't connect to compute node", Fault.STARTING),
    Refusal("endpoint is temporarily unavailable", Fault.STARTING),
    Refusal("authentication timed out", Fault.UNREACHABLE),
)

# Supavisor: lib/supavisor/errors and circuit_breaker.ex since 2.8, where the text begins with a
# code in parentheses; lib/supavisor/client_handler.ex and helpers.ex before.
_SUPAVISOR = (
    Refusal("(eaddrnotallowed)", Fault.AUTHENTICATION, _ALLOW_ADDRESS),
    Refusal("(eauthquery) user not found", Fault.AUTHENTICATION, _SUPABASE_USER),
    Refusal("(ecircuitbreaker) too many authentication failures", Fault.AUTHENTICATION),
    Refusal("(einvaliduserinfo)", Fault.AUTHENTICATION, _SUPABASE_USER),
    Refusal("(enoidentifier)", Fault.AUTHENTICATION, _SUPABASE_USER),
    Refusal("(enotfound)", Fault.AUTHENTICATION, _SUPABASE_USER),
    Refusal("authentication error, reason:", Fault.AUTHENTICATION),
    Refusal("tenant or user not found", Fault.AUTHENTICATION, _SUPABASE_USER),
    Refusal("wrong password", Fault.AUTHENTICATION),
    Refusal("(esslrequired)", Fault.TLS, _ASK_FOR_TLS),
    Refusal("ssl connection is required", Fault.TLS, _ASK_FOR_TLS),
    *(
        Refusal(f"({code})", Fault.TOO_MANY_CONNECTIONS)
        for code in (
            *("echeckoutretries", "echeckouttimeout", "emaxconn", "emaxpoolsreached"),
            "epoolcheckout",
        )
    ),
    Refusal("(emaxconnsession)", Fault.TOO_MANY_CONNECTIONS, _SESSION_MODE),
    Refusal("max client connections reached", Fault.TOO_MANY_CONNECTIONS),
    Refusal("max clients reached", Fault.TOO_MANY_CONNECTIONS, _SESSION_MODE),
    Refusal("maxclientsinsessionmode", Fault.TOO_MANY_CONNECTIONS, _SESSION_MODE),
    Refusal("max pools count reached", Fault.TOO_MANY_CONNECTIONS),
    Refusal("unable to check out", Fault.TOO_MANY_CONNECTIONS),
    Refusal("(eauthquery) auth_query connection failed", Fault.UNREACHABLE),
    Refusal("(eauthquery) auth_query secret check timed out", Fault.UNREACHABLE),
    *(
        Refusal(f"({code})", Fault.UNREACHABLE)
        for code in (
            *("eauthsecrets", "ecircuitbreaker", "edbhandlerexited", "ejitrequestfailed"),
            *("epoolconfignotfound", "epoolranchnotfound", "epoolterminating"),
            *("eproxystartfailed", "eproxysupervisorunavailable", "esubscriberetries"),
            *("eworkernotfound", "eauthtimeout"),
        )
    ),
    Refusal("authentication query failed", Fault.UNREACHABLE),
    Refusal("connection to database closed", Fault.UNREACHABLE),
    Refusal("dbhandler exited", Fault.UNREACHABLE),
)

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html
_RDS_PROXY = (
    Refusal("the password that was provided for the role", Fault.AUTHENTICATION),
    Refusal("rds supports only iam", Fault.AUTHENTICATION),
    Refusal(
        "this rds proxy has no credentials for the role",
        Fault.AUTHENTICATION,
        "Give the proxy a secret for this user in Secrets Manager, or check the user in the URL.",
    ),
    Refusal("feature not supported: rds proxy", Fault.REFUSED, _PARAMETER),
    Refusal("allowed only with ssl connections", Fault.TLS, _ASK_FOR_TLS),
    Refusal("this rds proxy requires tls", Fault.TLS, _ASK_FOR_TLS),
    Refusal(
        "authentication failed because of too many competing requests", Fault.TOO_MANY_CONNECTIONS
    ),
    Refusal("maximum number of client connections", Fault.TOO_MANY_CONNECTIONS),
    Refusal("rate of connection to proxy exceeded", Fault.TOO_MANY_CONNECTIONS),
    Refusal("timed-out waiting to acquire database connection", Fault.TOO_MANY_CONNECTIONS),
)

# pgcat (src/client.rs, always 58000), Odyssey (sources/frontend.c, sources/auth.c), Pgpool-II
# (src/protocol/child.c, src/auth), Azure and Aurora Serverless.
_OTHERS = (
    Refusal("client with ip address", Fault.AUTHENTICATION, _ALLOW_ADDRESS),
    Refusal("no pool configured for database", Fault.DATABASE_NOT_FOUND),
    Refusal("ssl is required", Fault.TLS, _ASK_FOR_TLS),
    Refusal("tls connection required", Fault.TLS, _ASK_FOR_TLS),
    Refusal("checkout failure limit reached", Fault.TOO_MANY_CONNECTIONS),
    Refusal("could not get connection from the pool", Fault.TOO_MANY_CONNECTIONS),
    Refusal("too many active clients", Fault.TOO_MANY_CONNECTIONS),
    Refusal("too many client tcp connections", Fault.TOO_MANY_CONNECTIONS),
    Refusal("too many tcp connections", Fault.TOO_MANY_CONNECTIONS),
    Refusal("odyssey instance is", Fault.STARTING),
    Refusal("odyssey is gracefully shutting down", Fault.STARTING),
    Refusal("resuming after being auto-paused", Fault.STARTING),
    Refusal("all backend nodes are down", Fault.UNREACHABLE),
    Refusal("could not get connection from the pool - allserversdown", Fault.UNREACHABLE),
    Refusal("failed to connect to remote server", Fault.UNREACHABLE),
    Refusal("failed to create a backend", Fault.UNREACHABLE),
    Refusal("failed to get remote server connection", Fault.UNREACHABLE),
    Refusal("pool down for database", Fault.UNREACHABLE),
)

REFUSALS: Final = (
    *(*_POSTGRES, *_DRIVERS, *_PGBOUNCER, *_NEON, *_SUPAVISOR, *_RDS_PROXY, *_OTHERS),
)
"""Every known text."""

_BY_PART: Final = {refusal.part: refusal for refusal in REFUSALS}


@cache
def _any_part() -> re.Pattern[str]:
    # It takes 10 ms, and most processes never need it.
    return re.compile("|".join(map(re.escape, sorted(_BY_PART, key=len, reverse=True))))


_BEFORE_THE_REASON: Final = re.compile(r"^(?:console|control plane) request failed: ")


def refusal_in(words: str) -> Refusal | None:
    """The refusal that this text contains, or None; takes time linear in its length."""
    words = words.lower()
    start = _BEFORE_THE_REASON.match(words)
    search = _any_part().search
    found = (start and search(words, start.end())) or search(words)
    return _BY_PART[found[0]] if found else None
