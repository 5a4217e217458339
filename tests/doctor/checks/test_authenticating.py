"""How the server wants to be logged in to."""

from collections.abc import Iterator

import asyncpg
import pytest

from tests.doctor.stages import at
from tests.staging.pki import PKI, TLSPostgres
from wellhead.doctor import Outcome, Report, Wishes, examine
from wellhead.doctor.case import Address

# The server asks each of these roles in the way that bears its name.
_ACCESS = """\
host all clear 127.0.0.1/32 password
host all hashed 127.0.0.1/32 md5
host all trusted 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
_ROLES = """\
SET password_encryption = 'md5';
CREATE ROLE hashed LOGIN PASSWORD 'secret';
RESET password_encryption;
CREATE ROLE clear LOGIN PASSWORD 'secret';
CREATE ROLE trusted LOGIN;
"""


@pytest.fixture(scope="module")
def lax_postgres(pki: PKI) -> Iterator[TLSPostgres]:
    """A server with and without TLS that asks for passwords in old ways."""
    with pki.postgres("lax", "127.0.0.1", access=_ACCESS) as server:
        yield server


async def as_role(server: TLSPostgres, role: str, query: str) -> Report:
    """What the doctor says to a role of a server on another machine."""
    owner = await asyncpg.connect(server.url, ssl=False)
    try:
        if not await owner.fetchval("SELECT to_regrole('hashed')"):
            await owner.execute(_ROLES)
    finally:
        await owner.close()
    place = f"{role}:secret@127.0.0.1:{server.server.port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Address, "is_local", False)
        return await examine(Wishes(url=f"{at(server.url, place)}?{query}"))


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


@pytest.mark.parametrize(
    ("role", "query", "outcome", "seen"),
    [
        ("clear", "sslmode=disable", Outcome.WARNING, "clear text, and the connection is not enc"),
        ("hashed", "sslmode=disable", Outcome.WARNING, "password, and the connection is not encr"),
        ("clear", "sslmode=require", Outcome.WARNING, "the connection does not verify the server"),
        ("hashed", "sslmode=require", Outcome.WARNING, "the connection does not verify the server"),
        ("clear", "verified", Outcome.OK, "Only the verified server can read it."),
        ("hashed", "verified", Outcome.NOTE, "will not have MD5 passwords much longer."),
        ("trusted", "verified", Outcome.WARNING, "no password (trust, peer or a certificate)."),
    ],
)
async def test_a_password_that_others_can_steal_is_a_warning_with_its_cure(
    lax_postgres: TLSPostgres, pki: PKI, role: str, query: str, outcome: Outcome, seen: str
) -> None:
    query = query.replace("verified", f"sslmode=verify-full&sslrootcert={pki.ca_file}")
    report = await as_role(lax_postgres, role, query)

    [finding] = [finding for finding in report.findings if finding.check == "authentication"]
    is_exposed = outcome is Outcome.WARNING and role != "trusted"
    assert (finding.outcome, seen in finding.seen) == (outcome, True), finding.seen
    assert ("sslmode=verify-full" in finding.cure) is is_exposed
    assert ("scram-sha-256" in finding.cure) is (outcome is not Outcome.OK)
