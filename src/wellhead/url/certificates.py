"""Certificates: builds for asyncpg the SSL context that libpq builds for psycopg."""

import ssl
from pathlib import Path
from typing import Final

from wellhead.url.parameters import Parameters
from wellhead.url.split import fault
from wellhead.url.tls import SYSTEM

# Files in which systems keep their public certificate authorities. The libpq inside psycopg's
# wheels looks for "system" in a directory of its build machine, and finds nothing.
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def build_context(parameters: Parameters) -> ssl.SSLContext:
    """Build the context for any ``sslmode`` but disable.

    Reads the files that the parameters name, and for the others ``~/.postgresql``, as libpq does.

    Raises:
        URLError: A named file is missing or invalid.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[parameters.ssl_min_protocol_version or "TLSv1.2"]
    if parameters.ssl_max_protocol_version is not None:
        context.maximum_version = _VERSIONS[parameters.ssl_max_protocol_version]
    context.set_alpn_protocols(["postgresql"])
    context.check_hostname = parameters.sslmode == "verify-full"
    _load_roots(context, parameters)
    _load_client_certificate(context, parameters)
    return context


def system_bundle() -> str:
    """The file with the system's certificate authorities, for a libpq that cannot find them.

    Returns:
        A path, or ``system`` if the system has no such file.
    """
    candidates = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((path for path in candidates if path and Path(path).is_file()), SYSTEM)


def _load_roots(context: ssl.SSLContext, parameters: Parameters) -> None:
    if parameters.sslrootcert == SYSTEM:
        _load_system_roots(context)
        revoked = _named(parameters.sslcrl, "sslcrl")
    else:
        roots = _named(parameters.sslrootcert, "sslrootcert") or _at_home("root.crt")
        if roots is None:
            _go_without_roots(context, parameters)
            return
        _load_authorities(context, roots, "sslrootcert")
        revoked = _named(parameters.sslcrl, "sslcrl") or _at_home("root.crl")
    if revoked is not None:
        _load_authorities(context, revoked, "sslcrl")
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


def _go_without_roots(context: ssl.SSLContext, parameters: Parameters) -> None:
    if parameters.sslmode in {"verify-ca", "verify-full"}:
        raise fault(
            f"has sslmode={parameters.sslmode} and no root certificate in ~/.postgresql/root.crt",
            "name one with sslrootcert=, or write sslmode=verify-full&sslrootcert=system for a "
            "public authority",
        )
    context.verify_mode = ssl.CERT_NONE


def _load_system_roots(context: ssl.SSLContext) -> None:
    context.load_default_certs()
    if context.cert_store_stats()["x509_ca"] or ssl.get_default_verify_paths().capath:
        return
    # A Python built elsewhere looks in a directory that this system leaves empty.
    bundle = system_bundle()
    if bundle == SYSTEM:
        raise fault(
            "asks for the system's root certificates, and this system has none",
            "install ca-certificates, or name a file with sslrootcert=",
        )
    context.load_verify_locations(cafile=bundle)


def _load_authorities(context: ssl.SSLContext, path: Path, name: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError):
        raise fault(
            f"has a file in {name} that cannot be read, {path}", "give a readable PEM file"
        ) from None


def _load_client_certificate(context: ssl.SSLContext, parameters: Parameters) -> None:
    certificate = _named(parameters.sslcert, "sslcert") or _at_home("postgresql.crt")
    if certificate is None:
        return
    key = _named(parameters.sslkey, "sslkey") or _at_home("postgresql.key")
    password = parameters.sslpassword or ""
    try:
        # The password as a function, because without one OpenSSL prompts on the terminal.
        context.load_cert_chain(certificate, keyfile=key, password=lambda: password)
    except (ssl.SSLError, OSError):
        raise fault(
            f"has a client certificate that cannot be used, {certificate}",
            "check that sslcert and sslkey are readable PEM files that belong together, and that "
            "sslpassword opens the key",
        ) from None


def _named(text: str | None, name: str) -> Path | None:
    if text is None:
        return None
    path = Path(text)
    if not path.is_file():
        raise fault(f"has a file in {name} that does not exist, {path}", "correct the path")
    return path


def _at_home(name: str) -> Path | None:
    try:
        path = Path.home() / ".postgresql" / name
    except RuntimeError:
        return None
    return path if path.is_file() else None
