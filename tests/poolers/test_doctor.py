"""What the doctor says about poolers, and that it leaves nothing behind in one."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from tests.doctor.stages import POOLED, connected
from tests.doctor.table import assert_named_first
from tests.staging.given import Postgres
from tests.staging.pgbouncer import Kind, PgBouncer
from wellhead.doctor import Report, Wishes, examine
from wellhead.url.options import POOLER_SETTINGS

STATEMENTS: Mapping[str, str | None] = {
    "1.18": "statements_not_kept",
    "1.24-tracks-0": "statements_not_kept",
    "1.24-tracks-1000": None,
}


def codes_of(report: Report, check: str) -> list[str]:
    return [finding.code for finding in report.findings if finding.check == check and finding.code]


@pytest.mark.parametrize("failure", sorted(POOLED))
async def test_a_staged_failure_is_named_first_with_its_cure(
    failure: str, request: pytest.FixtureRequest
) -> None:
    await assert_named_first(failure, request)


async def test_a_pooler_is_known_by_what_it_does(pooled_url: str, pooler: PgBouncer) -> None:
    report = await examine(Wishes(url=pooled_url))

    expected = STATEMENTS[str(pooler.kind)]
    assert codes_of(report, "pooler") == ([expected] if expected else [])
    assert report.ended_at is None
    assert any("as the URL says" in finding.seen for finding in report.findings)


async def test_a_pooler_with_a_single_server_connection_is_known(
    postgres: Postgres, database_url: str, tmp_path: Path
) -> None:
    with PgBouncer(Kind("1.24", 0), postgres.url, tmp_path, pool_size=1) as pooler:
        report = await examine(Wishes(url=pooler.url(database_url)))

    assert codes_of(report, "pooler") == ["statements_not_kept"]


async def test_a_pooler_in_session_mode_is_known(
    postgres: Postgres, database_url: str, tmp_path: Path
) -> None:
    ignored = "idle_in_transaction_session_timeout"
    options = {"pool_mode": "session", "ignore_startup_parameters": ignored}
    with PgBouncer(Kind("1.24", 0), postgres.url, tmp_path, options=options) as pooler:
        report = await examine(Wishes(url=pooler.url(database_url).partition("?")[0]))

    [finding] = [each for each in report.findings if each.code == "pooled_by_session"]
    assert "and a start-up parameter is refused" in finding.seen


@pytest.mark.parametrize("kind", [Kind("1.18", None), Kind("1.24", 0)], ids=str)
async def test_it_leaves_nothing_behind_on_the_servers_connection(
    kind: Kind, postgres: Postgres, database_url: str, tmp_path: Path
) -> None:
    with PgBouncer(kind, postgres.url, tmp_path, pool_size=1) as pooler:
        url = pooler.url(database_url)
        async with connected(url.partition("?")[0], statement_cache_size=0) as client:
            before = await state_of(client)
            await examine(Wishes(url=url))
            after = await state_of(client)

    assert after == before


async def state_of(client: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """The server connection, and what was set there, besides what PgBouncer itself sets."""
    question = """
        SELECT pg_backend_pid()::text
        UNION ALL SELECT name FROM pg_settings
            WHERE source = 'session' AND NOT lower(name) = ANY(string_to_array($1, ','))
        UNION ALL SELECT name FROM pg_prepared_statements
        UNION ALL SELECT locktype FROM pg_locks WHERE locktype = 'advisory'
    """
    async with client.transaction():
        return [row[0] for row in await client.fetch(question, ",".join(POOLER_SETTINGS))]
