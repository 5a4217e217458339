"""Both strategies behind a pooler: no error and no wrong value while a schema changes."""

import pytest

from tests.staging.changing_schema import ChangingSchema
from tests.staging.pgbouncer import Kind, PgBouncer
from wellhead import Database, DatabaseSettings
from wellhead.embedded import EmbeddedPostgres


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pool", "none"])
async def test_clients_beside_a_pooler_survive_a_change_of_schema(
    mode: str, pooled_url: str, database_url: str
) -> None:
    settings = DatabaseSettings(url=pooled_url, pool_mode=mode, pool_size=8, max_overflow=8)
    async with Database(settings) as database:
        outcome = await ChangingSchema(database, database_url).run()

    assert outcome.errors == []
    assert outcome.wrong == []
    assert outcome.right > 300


@pytest.mark.slow
async def test_named_statements_behind_a_pooler_that_does_not_track_them_fail(
    postgres: EmbeddedPostgres, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Otherwise the tests above would prove nothing."""
    old = Kind("1.18", None)
    with PgBouncer(old, postgres.url, tmp_path_factory.mktemp("old")) as pooler:
        settings = DatabaseSettings(url=pooler.url(database_url), prepared_statements="on")
        async with Database(settings) as database:
            outcome = await ChangingSchema(database, database_url).run()

    assert any("prepared statement" in error for error in outcome.errors)
