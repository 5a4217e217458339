"""The SSL context, as libpq would set it up."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from wellhead.errors import URLError
from wellhead.url import Parameters
from wellhead.url.certificates import build_context, system_bundle


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that no certificate of the developer is found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    return tmp_path / ".postgresql"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def root(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def test_require_without_a_root_certificate_only_encrypts() -> None:
    context = build_context(Parameters(sslmode="require"))

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_require_with_a_root_certificate_verifies_it(root: str) -> None:
    context = build_context(Parameters(sslmode="require", sslrootcert=root))

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_require_verifies_with_the_root_certificate_at_home(
    authority: trustme.CA, home: Path
) -> None:
    authority.cert_pem.write_to_path(home / "root.crt")
    context = build_context(Parameters(sslmode="require"))

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_verify_ca_verifies_all_but_the_host(root: str) -> None:
    context = build_context(Parameters(sslmode="verify-ca", sslrootcert=root))

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_verify_full_verifies_the_host_too(root: str) -> None:
    context = build_context(Parameters(sslmode="verify-full", sslrootcert=root))

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full"])
def test_verification_without_any_root_certificate_is_refused(sslmode: str) -> None:
    parameters = Parameters(sslmode="verify-ca" if sslmode == "verify-ca" else "verify-full")

    with pytest.raises(URLError, match=f"{sslmode} and no root certificate.*sslrootcert=system"):
        build_context(parameters)


def test_system_loads_the_systems_authorities(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", root)
    context = build_context(Parameters(sslmode="verify-full", sslrootcert="system"))

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert "trustme" in str(context.get_ca_certs())
    assert system_bundle() == root


def test_tls_1_2_is_the_least_and_the_bounds_are_kept() -> None:
    by_default = build_context(Parameters(sslmode="require"))
    bounded = build_context(
        Parameters(
            sslmode="require",
            ssl_min_protocol_version="TLSv1.3",
            ssl_max_protocol_version="TLSv1.3",
        )
    )

    assert by_default.minimum_version is ssl.TLSVersion.TLSv1_2
    assert bounded.minimum_version is ssl.TLSVersion.TLSv1_3
    assert bounded.maximum_version is ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize("name", ["sslrootcert", "sslcrl", "sslcert", "sslkey"])
def test_a_missing_file_is_named_with_its_parameter(
    name: str, authority: trustme.CA, root: str, tmp_path: Path
) -> None:
    client = authority.issue_cert("client@example.com")
    client.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    files = {"sslrootcert": root, "sslcert": str(tmp_path / "client.pem")}
    files[name] = str(tmp_path / "nowhere.pem")

    with pytest.raises(
        URLError, match=rf"has a file in {name} that does not exist, .*nowhere\.pem"
    ):
        build_context(
            Parameters(
                sslmode="verify-full",
                sslrootcert=files.get("sslrootcert"),
                sslcert=files.get("sslcert"),
                sslkey=files.get("sslkey"),
                sslcrl=files.get("sslcrl"),
            )
        )


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "not.pem").write_text("not a certificate")

    with pytest.raises(URLError, match=r"a file in sslrootcert that cannot be read, .*not\.pem"):
        build_context(Parameters(sslmode="verify-full", sslrootcert=str(tmp_path / "not.pem")))


def test_a_revocation_list_is_checked(root: str) -> None:
    # OpenSSL loads certificates and lists by the same call, so the authority stands for a list.
    context = build_context(Parameters(sslmode="verify-full", sslrootcert=root, sslcrl=root))

    assert context.verify_flags & ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


def test_the_key_opens_with_its_password_and_never_shows_it(
    authority: trustme.CA, tmp_path: Path
) -> None:
    client = authority.issue_cert("client@example.com")
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), password=None)
    (tmp_path / "client.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"S3cr3tMarker"),
        )
    )
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.crt")
    right = Parameters(
        sslmode="require",
        sslcert=str(tmp_path / "client.crt"),
        sslkey=str(tmp_path / "client.key"),
        sslpassword="S3cr3tMarker",
    )
    build_context(right)

    for password in ("wrong-S3cr3tMarker", None):
        wrong = Parameters(
            sslmode="require",
            sslcert=right.sslcert,
            sslkey=right.sslkey,
            sslpassword=password,
        )
        with pytest.raises(URLError, match="sslpassword opens the key") as refused:
            build_context(wrong)
        assert "S3cr3tMarker" not in f"{refused.value} {refused.value.__context__!r} {wrong!r}"
