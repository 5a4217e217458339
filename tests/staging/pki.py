"""A private certificate authority, and servers and clients with its certificates."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.staging.databases import Databases
from wellhead.embedded import EmbeddedPostgres
from wellhead.embedded.account import server_account

_CERTIFIED = "certified"
# The first line is for the embedded server itself, which makes its database without TLS.
_ACCESS = f"""\
hostnossl postgres all 127.0.0.1/32 scram-sha-256
hostssl {_CERTIFIED} all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key, as files in PEM form."""

    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class TLSPostgres:
    """A server that takes encrypted connections only.

    Attributes:
        server: The server itself.
        url: Its database, without any TLS parameter; the host is 127.0.0.1.
        certified_url: A database that also asks for a client's certificate.
    """

    server: EmbeddedPostgres
    url: str = field(repr=False)
    certified_url: str = field(repr=False)


class PKI:
    """Everything that has to do with one certificate authority.

    Attributes:
        ca_file: The authority's certificate: what a client must trust.
        stranger_ca_file: That of an authority which signed nothing here.
        client: A certificate that the servers accept of a client.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ca = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self.stranger_ca_file = directory / "stranger-ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)
        trustme.CA().cert_pem.write_to_path(self.stranger_ca_file)
        self.client = self.issue("client", "client.example")

    def issue(self, name: str, *hosts: str, ends: datetime | None = None) -> Certificate:
        """Issue a certificate for some host names and addresses, in files of the name given."""
        certificate = self._ca.issue_cert(*hosts, not_after=ends)
        files = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(files.cert_file)
        certificate.private_key_pem.write_to_path(files.key_file)
        files.key_file.chmod(0o600)
        return files

    def sign_by_itself(self, name: str, address: str) -> Certificate:
        """Make a certificate for an address that no authority has signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "myself")])
        named = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        begins = datetime.now(UTC) - timedelta(days=1)
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=365))
            .add_extension(named, critical=False)
            .sign(key, hashes.SHA256())
        )
        files = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        files.cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files

    @contextmanager
    def postgres(
        self,
        name: str,
        *hosts: str,
        certificate: Certificate | None = None,
        access: str = _ACCESS,
    ) -> Iterator[TLSPostgres]:
        """A server whose certificate names these hosts and nothing else, or with the one given.

        `access` is its `pg_hba.conf`.
        """
        certificate = certificate or self.issue(name, *hosts)
        # PostgreSQL refuses a key that another account owns or may read.
        server_account().give(certificate.key_file, mode=0o600)
        access_file = self._directory / f"{name}.hba"
        access_file.write_text(access)
        options = {
            "ssl": "on",
            "ssl_cert_file": str(certificate.cert_file),
            "ssl_key_file": str(certificate.key_file),
            "ssl_ca_file": str(self.ca_file),
            "hba_file": str(access_file),
        }
        home = self._directory / f"postgres-{name}"
        with (
            EmbeddedPostgres(home, durable=False, options=options) as server,
            Databases(server.url) as databases,
        ):
            databases.execute(f"CREATE DATABASE {_CERTIFIED}")
            yield TLSPostgres(server, server.url, databases.url(_CERTIFIED))
