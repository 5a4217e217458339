"""What a server's certificate is worth: verified or not, by which authority, until when."""

import ipaddress
import ssl
from typing import Final

from wellhead.doctor.case import Address, Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.peer_certificate import (
    PeerCertificate,
    by_the_systems_authorities,
    handshake,
    read_certificate,
    without_verification,
)
from wellhead.errors import URLError
from wellhead.url.certificates import build_context
from wellhead.url.tls import OPPORTUNISTIC

NOT_VERIFIED = Diagnosis(
    "not_verified",
    Outcome.WARNING,
    "The connection is encrypted, and the server's certificate is not verified.",
    "Anyone who can redirect the connection can pretend to be the server, and reads everything.",
    "Write sslmode=verify-full&sslrootcert=/path/to/ca.pem in the URL.",
)
ROOTS_UNUSABLE = Diagnosis(
    "roots_unusable",
    Outcome.FAILURE,
    "A certificate file that the URL names, or needs, cannot be used.",
    "Without the authority's certificate nothing can be verified, so no connection is made.",
    "Write sslrootcert=system for a public authority, or the path of the authority's PEM file.",
)
CERTIFICATE_EXPIRED = Diagnosis(
    "certificate_expired",
    Outcome.FAILURE,
    "The server's certificate has expired.",
    "Every client that verifies it refuses to connect.",
    "Renew the certificate on the server and reload it: SELECT pg_reload_conf()",
)
CERTIFICATE_NOT_YET_VALID = Diagnosis(
    "certificate_not_yet_valid",
    Outcome.FAILURE,
    "The server's certificate is not valid yet.",
    "Usually the clock of this machine is wrong.",
    "Set the clock of this machine: timedatectl set-ntp true",
)
CERTIFICATE_SELF_SIGNED = Diagnosis(
    "certificate_self_signed",
    Outcome.FAILURE,
    "The server's certificate is signed by itself.",
    "No authority vouches for it, so it is only worth something to those who have a copy.",
    "Copy the certificate from the server and name it in the URL: "
    "sslmode=verify-full&sslrootcert=/path/to/server.crt",
)
CERTIFICATE_UNKNOWN_AUTHORITY = Diagnosis(
    "certificate_unknown_authority",
    Outcome.FAILURE,
    "The server's certificate comes from an authority that is not trusted here.",
    "It is a private authority, such as a cloud's, or the server does not send the certificates "
    "between its own and the authority's.",
    "Download the authority's certificate from the provider and name it in the URL: "
    "sslmode=verify-full&sslrootcert=/path/to/ca.pem",
)
CERTIFICATE_WRONG_NAME = Diagnosis(
    "certificate_wrong_name",
    Outcome.FAILURE,
    "The server's certificate is for another host name.",
    "The URL has an address or an alias in place of the name that the certificate is for; or this "
    "is another server.",
    "Write one of the certificate's names as the host. Through a tunnel, write sslmode=verify-ca.",
)
CERTIFICATE_ENDS_SOON = Diagnosis(
    "certificate_ends_soon",
    Outcome.WARNING,
    "The server's certificate expires soon.",
    "From that day on, every client that verifies it refuses to connect.",
    "Renew the certificate on the server and reload it: SELECT pg_reload_conf()",
)
TLS_FAILED = Diagnosis(
    "tls_failed",
    Outcome.FAILURE,
    "The TLS handshake failed.",
    "Client and server have no protocol version or cipher in common, or the server wants a "
    "certificate of the client.",
    "Check ssl_min_protocol_version, sslcert and sslkey in the URL, and the server's log.",
)
DIAGNOSES = (
    NOT_VERIFIED, ROOTS_UNUSABLE, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID,
    CERTIFICATE_SELF_SIGNED, CERTIFICATE_UNKNOWN_AUTHORITY, CERTIFICATE_WRONG_NAME,
    CERTIFICATE_ENDS_SOON, TLS_FAILED,
)  # fmt: skip

BY_THE_SYSTEM: Final = "Write sslmode=verify-full&sslrootcert=system: the certificate passes."
"""The cure where a certificate is not verified, and would pass."""

SOON: Final = 21.0
"""Days before its end from which on a certificate is warned about."""

# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_BY_VERIFY_CODE: Final = {
    9: CERTIFICATE_NOT_YET_VALID,
    10: CERTIFICATE_EXPIRED,
    18: CERTIFICATE_SELF_SIGNED,
    19: CERTIFICATE_UNKNOWN_AUTHORITY,
    20: CERTIFICATE_UNKNOWN_AUTHORITY,
    21: CERTIFICATE_UNKNOWN_AUTHORITY,
    62: CERTIFICATE_WRONG_NAME,
    64: CERTIFICATE_WRONG_NAME,
}


async def examine_certificate(case: Case, address: Address) -> list[Finding]:
    """Make an encrypted connection to a server, and say what its certificate is worth.

    Raises:
        OSError: The server hung up, or went silent.
    """
    limit = case.settings.effective_connect_timeout
    at_once = case.url.parameters.sslnegotiation == "direct"
    verifies = False
    try:
        context = without_verification()
        if case.url.sslmode not in OPPORTUNISTIC:
            context = build_context(case.url.parameters)
        verifies = context.verify_mode is ssl.CERT_REQUIRED
        done = await handshake(address, limit, context, at_once=at_once)
    except URLError as error:
        return [ROOTS_UNUSABLE.found(error.args[0])]
    except ssl.SSLCertVerificationError as error:
        return [await _not_trusted(case, address, error)]
    except ssl.SSLError as error:
        return [TLS_FAILED.found(f"{address}: the TLS handshake failed ({_reason(error)}).")]
    certificate = (
        PeerCertificate.of(done.getpeercert() or {})
        if verifies
        else await read_certificate(address, limit, at_once=at_once)
    )
    seen = (
        f"{done.version()} to {address}{_sni(address.host.name)}, "
        f"the certificate is {_described(certificate)}; "
        + ("it was verified" if verifies else "it was not verified")
        + (", with the host name." if verifies and context.check_hostname else ".")
    )
    found = [Finding(seen)]
    if not verifies and not address.is_local:
        found.append(await _not_verified(case, address, limit, at_once=at_once))
    days, name = certificate.days_left, address.host.name
    if days < 0:
        seen = f"The certificate of {name} expired {-days:.0f} days ago."
        found.append(CERTIFICATE_EXPIRED.found(seen, outcome=Outcome.WARNING))
    elif days < SOON:
        seen = f"The certificate of {name} expires in {days:.0f} days."
        found.append(CERTIFICATE_ENDS_SOON.found(seen))
    return found


async def _not_trusted(case: Case, address: Address, error: ssl.SSLError) -> Finding:
    found = _BY_VERIFY_CODE.get(getattr(error, "verify_code", 0), TLS_FAILED)
    at_once = case.url.parameters.sslnegotiation == "direct"
    limit = case.settings.effective_connect_timeout
    try:
        certificate = await read_certificate(address, limit, at_once=at_once)
    except OSError:
        return found.found(f"{address}: the certificate is refused ({_reason(error)}).")
    cure = ""
    if found is CERTIFICATE_WRONG_NAME and certificate.names:
        cure = (
            f"Write {' or '.join(certificate.names[:3])} as the host. Through a tunnel, write "
            "sslmode=verify-ca."
        )
    return found.found(
        f"The certificate of {address.host.name} is {_described(certificate)}: it is refused "
        f"({_reason(error)}).",
        cure=cure,
    )


async def _not_verified(case: Case, address: Address, limit: float, *, at_once: bool) -> Finding:
    seen = f"sslmode={case.url.sslmode} does not verify who {address.host.name} is."
    try:
        await handshake(address, limit, by_the_systems_authorities(), at_once=at_once)
    except OSError:
        return NOT_VERIFIED.found(seen)
    return NOT_VERIFIED.found(seen, cure=BY_THE_SYSTEM)


def _sni(name: str) -> str:
    """The name in the handshake, by which a proxy such as Neon's finds the database."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return f" (SNI {name})"
    return ""


def _described(certificate: PeerCertificate) -> str:
    names = ", ".join(certificate.names[:3]) or certificate.subject
    by = "itself" if certificate.is_self_signed else certificate.issuer
    days = certificate.days_left
    when = f"expired {-days:.0f} days ago" if days < 0 else f"ends in {days:.0f} days"
    return f"for {names}, by {by}, {when}"


def _reason(error: ssl.SSLError) -> str:
    said = getattr(error, "verify_message", None) or error.reason or type(error).__name__
    return str(said).rstrip(".")
