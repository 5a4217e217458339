"""How the server asks for the password, and whether the login is bound to the TLS channel.

It also asks with a start-up parameter of its own, which a pooler refuses before it asks for the
password; nobody logs in, so nothing is set.
"""

import getpass
import ssl
from collections.abc import AsyncIterator, Mapping
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
# A name with a dot is one that PostgreSQL accepts of any client.
_PARAMETER: Final = {"wellhead.doctor": "1"}
_REFUSED: Final = b"startup parameter"
_BINDING: Final = "SCRAM-SHA-256-PLUS"


async def check_authentication(case: Case) -> AsyncIterator[Finding]:
    """Ask how to log in, and hang up; the server is used to it from clients that then ask users."""
    kind, body = await _question(case, _PARAMETER)
    case.refuses_parameters = kind == b"E" and _REFUSED in body
    if case.refuses_parameters:
        kind, body = await _question(case, {})
    method = int.from_bytes(body[:4])
    if kind != b"R" or method not in _METHODS:
        return
    mechanisms = [text.decode(errors="replace") for text in body[4:].split(b"\0") if text]
    shown = ", ".join(mechanisms) if method == _SASL else _METHODS[method]
    seen = f"The server asks for {shown}."
    yield _of_method(case, method, seen)
    if _BINDING in mechanisms and case.url.driver == "asyncpg":
        yield CHANNEL_NOT_BOUND.found(
            f"The server offers {_BINDING}, which asyncpg cannot do: the login is not bound to the "
            "channel."
        )


def _of_method(case: Case, method: int, seen: str) -> Finding:
    """Whether others can learn the password, or need none."""
    address, parameters = case.reached[0], case.url.parameters
    if address.is_local:
        return Finding(seen)
    if method == _OK:
        # With a certificate of the client, the server knows who it is.
        return Finding(seen) if parameters.sslcert else WEAK_AUTHENTICATION.found(seen)
    if method not in {_CLEARTEXT, _MD5}:
        return Finding(seen)
    if address.host not in case.encrypted:
        danger = "is not encrypted: everyone on the way can read it"
    elif not _verifies(case):
        danger = "does not verify the server: one that pretends to be it gets it"
    elif method == _MD5:
        return WEAK_AUTHENTICATION.found(
            f"{seen} PostgreSQL will not have MD5 passwords much longer.", outcome=Outcome.NOTE
        )
    else:
        return Finding(f"{seen} Only the verified server can read it.")
    return WEAK_AUTHENTICATION.found(
        f"{seen[:-1]}, and the connection {danger}.",
        cure="Write sslmode=verify-full in the URL. " + WEAK_AUTHENTICATION.cure,
    )


def _verifies(case: Case) -> bool:
    parameters = case.url.parameters
    if case.url.sslmode in OPPORTUNISTIC:
        return False
    return build_context(parameters).verify_mode is ssl.CERT_REQUIRED


async def _question(case: Case, parameters: Mapping[str, str]) -> tuple[bytes, bytes]:
    url, limit = case.url, case.settings.effective_connect_timeout
    wire = await Wire.open(case.reached[0], limit)
    try:
        if case.reached[0].host in case.encrypted:
            if url.parameters.sslnegotiation != "direct":
                await wire.ask_for_tls()
            is_lax = url.sslmode in OPPORTUNISTIC
            await wire.start_tls(
                without_verification() if is_lax else build_context(url.parameters)
            )
        start = {"user": url.user or getpass.getuser(), "database": url.database, **parameters}
        if url.parameters.options is not None and url.endpoint_id is not None:
            # It may be what names Neon's endpoint.
            start["options"] = url.parameters.options
        return await wire.begin(start)
    finally:
        wire.close()
