"""How the server wants to be logged in to."""

import pytest

from tests.staging.pki import PKI, TLSPostgres
from wellhead.doctor import Report, Wishes, examine


def of_check(report: Report) -> list[tuple[str | None, str]]:
    return [
        (finding.code, finding.seen)
        for finding in report.findings
        if finding.check == "authentication"
    ]


async def test_the_method_is_named(database_url: str) -> None:
    report = await examine(Wishes(url=database_url))

    assert of_check(report) == [(None, "The server asks for SCRAM-SHA-256.")]


@pytest.mark.parametrize(
    ("driver", "codes"),
    [("postgresql", [None, "channel_not_bound"]), ("postgresql+psycopg", [None])],
)
async def test_channel_binding_is_offered_with_tls(
    tls_postgres: TLSPostgres, pki: PKI, driver: str, codes: list[str | None]
) -> None:
    url = f"{tls_postgres.url}?sslmode=verify-full&sslrootcert={pki.ca_file}"
    report = await examine(Wishes(url=url.replace("postgresql", driver, 1)))

    assert [code for code, _ in of_check(report)] == codes
    assert "SCRAM-SHA-256-PLUS" in of_check(report)[0][1]
