"""What is said of a connection that works: encrypted or not, verified or not, until when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.staging.pki import PKI, TLSPostgres
from wellhead.doctor import Report, Wishes, examine
from wellhead.doctor.case import Address


@pytest.fixture
def _far(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is on another machine, where others can read along."""
    monkeypatch.setattr(Address, "is_local", False)


def codes_of(report: Report) -> list[str]:
    return [finding.code for finding in report.findings if finding.check == "tls" and finding.code]


def env_of(report: Report) -> dict[str, str]:
    return {line.name: line.value for line in report.env}


@pytest.mark.usefixtures("_far")
async def test_a_connection_in_clear_text_is_a_warning(database_url: str) -> None:
    assert codes_of(await examine(Wishes(url=database_url))) == ["not_encrypted"]


@pytest.mark.usefixtures("_far")
async def test_allow_encrypts_nothing_unless_the_server_insists(tls_postgres: TLSPostgres) -> None:
    report = await examine(Wishes(url=f"{tls_postgres.url}?sslmode=allow"))

    assert codes_of(report) == ["not_encrypted"]


async def test_the_name_in_the_handshake_is_told(tls_postgres: TLSPostgres, pki: PKI) -> None:
    url = tls_postgres.url.replace("127.0.0.1", "localhost")
    report = await examine(Wishes(url=f"{url}?sslmode=verify-full&sslrootcert={pki.ca_file}"))

    [tls] = [finding.seen for finding in report.findings if finding.check == "tls"]
    assert "(SNI localhost)" in tls


async def test_on_this_machine_clear_text_is_fine(database_url: str) -> None:
    assert codes_of(await examine(Wishes(url=database_url))) == []


@pytest.mark.usefixtures("_far")
async def test_a_certificate_that_nobody_verifies_is_a_warning(tls_postgres: TLSPostgres) -> None:
    report = await examine(Wishes(url=f"{tls_postgres.url}?sslmode=require"))

    assert codes_of(report) == ["not_verified"]
    assert env_of(report) == {}


@pytest.mark.usefixtures("_far")
async def test_one_that_would_pass_is_recommended_to_be_verified(
    tls_postgres: TLSPostgres, pki: PKI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca_file))
    report = await examine(Wishes(url=f"{tls_postgres.url}?sslmode=require"))

    [finding] = [finding for finding in report.findings if finding.code == "not_verified"]
    assert "sslmode=verify-full&sslrootcert=system" in finding.cure
    assert "sslmode=verify-full&sslrootcert=system" in env_of(report)["DATABASE_URL"]
    assert ":***@" in env_of(report)["DATABASE_URL"]


@pytest.fixture(scope="module")
def ending_soon(pki: PKI) -> Iterator[TLSPostgres]:
    """A server whose certificate ends in five days."""
    ends = datetime.now(UTC) + timedelta(days=5, hours=1)
    certificate = pki.issue("ending-soon", "127.0.0.1", ends=ends)
    with pki.postgres("ending-soon", certificate=certificate) as server:
        yield server


@pytest.mark.parametrize("query", ["sslmode=require", "sslmode=verify-full&sslrootcert={ca}"])
async def test_a_certificate_that_ends_soon_is_a_warning(
    ending_soon: TLSPostgres, pki: PKI, query: str
) -> None:
    url = f"{ending_soon.url}?{query.format(ca=pki.ca_file)}"
    report = await examine(Wishes(url=url))

    [finding] = [finding for finding in report.findings if finding.code == "certificate_ends_soon"]
    assert "in 5 days" in finding.seen


async def test_tls_that_begins_at_once_is_examined_too(tls_postgres: TLSPostgres, pki: PKI) -> None:
    query = f"sslmode=verify-full&sslrootcert={pki.ca_file}&sslnegotiation=direct"
    report = await examine(Wishes(url=f"{tls_postgres.url}?{query}"))

    assert codes_of(report) == []
    assert report.ended_at is None


async def test_a_root_file_that_is_missing_is_named(tls_postgres: TLSPostgres) -> None:
    url = f"{tls_postgres.url}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem"
    report = await examine(Wishes(url=url))

    assert codes_of(report) == ["roots_unusable"]
    assert report.ended_at == "tls"


async def test_each_of_several_hosts_is_examined_and_named(
    tls_postgres: TLSPostgres, ending_soon: TLSPostgres, pki: PKI
) -> None:
    first, second = (each.url.rpartition(":")[2] for each in (tls_postgres, ending_soon))
    url = tls_postgres.url.replace(
        "@127.0.0.1:", f"@localhost:{first.partition('/')[0]},127.0.0.1:"
    )
    url = url.replace(f"127.0.0.1:{first}", f"127.0.0.1:{second}")
    report = await examine(Wishes(url=f"{url}?sslmode=verify-full&sslrootcert={pki.ca_file}"))

    seen = [finding.seen for finding in report.findings if finding.check == "tls"]
    assert [" to 127.0.0.1:" in each or "SNI localhost" in each for each in seen] == [
        *(True, True, False)
    ]
    assert seen[2] == "The certificate of 127.0.0.1 expires in 5 days."


async def test_hosts_that_all_fail_for_one_reason_say_it_once(tls_postgres: TLSPostgres) -> None:
    port = tls_postgres.server.port
    url = tls_postgres.url.replace(f"@127.0.0.1:{port}", f"@127.0.0.1:{port},localhost:{port}")
    report = await examine(Wishes(url=f"{url}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem"))

    assert codes_of(report) == ["roots_unusable"]
    assert report.ended_at == "tls"
