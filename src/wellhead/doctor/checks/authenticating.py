"""How the server asks for the password, and whether the login is bound to the TLS channel."""

import getpass
from collections.abc import AsyncIterator
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.greeting import Wire
from wellhead.doctor.peer_certificate import without_verification
from wellhead.url.certificates import build_context
from wellhead.url.tls import OPPORTUNISTIC

WEAK_AUTHENTICATION = Diagnosis(
    "weak_authentication",
    Outcome.WARNING,
    "The server asks for no password, or for one in a form that can be stolen.",
    "trust lets everyone in who reaches the port. password and md5 give a server that pretends to "
    "be yours what it needs to log in.",
    "Set password_encryption = 'scram-sha-256', set the role's password again, and write "
    "scram-sha-256 in pg_hba.conf.",
)
CHANNEL_NOT_BOUND = Diagnosis(
    "channel_not_bound",
    Outcome.NOTE,
    "The server offers channel binding, and asyncpg cannot do it.",
    "Channel binding proves that nobody stands between client and server. Full verification of the "
    "certificate does the same, unless an authority is deceived.",
    "Nothing has to change with sslmode=verify-full. With postgresql+psycopg:// as the scheme and "
    "channel_binding=require, the login is bound.",
)
DIAGNOSES = (WEAK_AUTHENTICATION, CHANNEL_NOT_BOUND)

# https://www.postgresql.org/docs/current/protocol-message-formats.html: AuthenticationOk and so on.
_OK, _CLEARTEXT, _MD5, _SASL = 0, 3, 5, 10
_METHODS: Final = {
    _OK: "no password (trust, peer or a certificate)",
    _CLEARTEXT: "the password in clear text",
    _MD5: "an MD5 hash of the password",
    7: "GSSAPI",
    9: "SSPI",
    _SASL: "SCRAM",
}
_BINDING: Final = "SCRAM-SHA-256-PLUS"


async def check_authentication(case: Case) -> AsyncIterator[Finding]:
    """Ask how to log in, and hang up; the server is used to it from clients that then ask users."""
    kind, body = await _question(case)
    method = int.from_bytes(body[:4])
    if kind != b"R" or method not in _METHODS:
        return
    mechanisms = [text.decode(errors="replace") for text in body[4:].split(b"\0") if text]
    shown = ", ".join(mechanisms) if method == _SASL else _METHODS[method]
    seen = f"The server asks for {shown}."
    address = case.reached[0]
    is_weak = method in {_OK, _CLEARTEXT, _MD5} and not address.is_local
    yield WEAK_AUTHENTICATION.found(seen) if is_weak else Finding(seen)
    if _BINDING in mechanisms and case.url.driver == "asyncpg":
        yield CHANNEL_NOT_BOUND.found(
            f"The server offers {_BINDING}, which asyncpg cannot do: the login is not bound to the "
            "channel."
        )


async def _question(case: Case) -> tuple[bytes, bytes]:
    url, limit = case.url, case.settings.effective_connect_timeout
    wire = await Wire.open(case.reached[0], limit)
    try:
        if case.is_encrypted:
            if url.parameters.sslnegotiation != "direct":
                await wire.ask_for_tls()
            is_lax = url.sslmode in OPPORTUNISTIC
            await wire.start_tls(
                without_verification() if is_lax else build_context(url.parameters)
            )
        start = {"user": url.user or getpass.getuser(), "database": url.database}
        if url.parameters.options is not None and url.endpoint_id is not None:
            # It may be what names Neon's endpoint.
            start["options"] = url.parameters.options
        return await wire.begin(start)
    finally:
        wire.close()
