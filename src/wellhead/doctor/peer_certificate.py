"""A server's certificate, read even where it is not to be trusted."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from wellhead.doctor.case import Address
from wellhead.doctor.greeting import Wire

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for: the certificate may have
# expired. https://docs.openssl.org/3.0/man3/X509_VERIFY_PARAM_set_flags/
_ANY_TIME: Final = 0x200000
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a certificate says.

    Attributes:
        subject: The name it was issued to.
        issuer: The authority's name.
        names: The host names and addresses that it is for.
        days_left: Days until it expires; negative if it has.
        is_self_signed: Whether it is its own authority.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    days_left: float
    is_self_signed: bool

    @classmethod
    def of(cls, decoded: Mapping[str, Any]) -> Self:
        """Take apart what Python's TLS says about a certificate that it verified."""
        ends = ssl.cert_time_to_seconds(decoded["notAfter"])
        return cls(
            subject=_name(decoded["subject"]),
            issuer=_name(decoded["issuer"]),
            names=tuple(str(value) for _, value in decoded.get("subjectAltName", ())),
            days_left=(ends - time.time()) / _DAY,
            is_self_signed=decoded["subject"] == decoded["issuer"],
        )


def without_verification() -> ssl.SSLContext:
    """A context that accepts every certificate; nothing secret is sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["postgresql"])
    return context


def by_the_systems_authorities() -> ssl.SSLContext:
    """A context that verifies as ``sslmode=verify-full&sslrootcert=system`` does."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["postgresql"])
    return context


async def handshake(
    address: Address, limit: float, context: ssl.SSLContext, *, at_once: bool
) -> ssl.SSLObject:
    """Make an encrypted connection, and close it again.

    Args:
        address: Where to.
        limit: Seconds for each step.
        context: What is trusted.
        at_once: Whether TLS begins without being offered, as with ``sslnegotiation=direct``.

    Raises:
        ssl.SSLError: The handshake failed.
        OSError: The connection was lost, or took too long.
    """
    wire = await Wire.open(address, limit)
    try:
        if not at_once:
            await wire.ask_for_tls()
        return await wire.start_tls(context)
    finally:
        wire.close()


async def read_certificate(address: Address, limit: float, *, at_once: bool) -> PeerCertificate:
    """Read the certificate of a server that need not be trusted, in two handshakes.

    Python only decodes what it has verified; so the certificate itself is what is trusted in the
    second one.

    Raises:
        ssl.SSLError: A handshake failed.
        OSError: A connection was lost, or took too long.
    """
    first = await handshake(address, limit, without_verification(), at_once=at_once)
    encoded = first.getpeercert(binary_form=True) or b""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols(["postgresql"])
    context.load_verify_locations(cadata=encoded)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_ANY_TIME)
    second = await handshake(address, limit, context, at_once=at_once)
    return PeerCertificate.of(second.getpeercert() or {})


def _name(parts: Any) -> str:
    values = {key: str(value) for part in parts for key, value in part}
    return next(
        (values[key] for key in ("commonName", "organizationName") if key in values), "no name"
    )
