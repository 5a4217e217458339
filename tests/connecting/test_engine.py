"""The engine: which pool, which driver arguments, which limits, and what is logged."""

from typing import Any

import pytest
from sqlalchemy import func, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from wellhead import (
    AsyncPool,
    CommandTimeoutError,
    Database,
    DatabaseSettings,
    Fault,
    classify,
)
from wellhead.connecting import Connector, build_engine, plan_pool

DIRECT = "postgresql://u:p@db.example/shop"
DRIVERS = ("postgresql+asyncpg://", "postgresql+psycopg://")


@pytest.mark.parametrize(
    ("url", "mode", "planned", "reason"),
    [
        (DIRECT, "pool", "pool", "directly to the server"),
        (DIRECT + "?pgbouncer=true", "pool", "pool", "pooler"),
        (DIRECT, "none", "none", "DATABASE_POOL_MODE=none"),
        ("sqlite+aiosqlite:///:memory:", "pool", "static", "one connection"),
    ],
)
def test_the_pool_is_chosen_by_url_and_setting_and_says_why(
    url: str, mode: str, planned: str, reason: str
) -> None:
    plan = plan_pool(DatabaseSettings(url=url, pool_mode=mode))

    assert plan.mode == planned
    assert reason in plan.reason


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize(("jit", "in_force"), [(False, "off"), (True, "on")])
async def test_the_server_compiles_statements_only_where_it_may(
    driver: str, jit: bool, in_force: str, database_url: str
) -> None:
    url = database_url.replace("postgresql", driver, 1)
    async with Database(DatabaseSettings(url=url, jit=jit)) as database:
        direct = await shown(database, "jit")
    async with Database(DatabaseSettings(url=f"{url}?options=-cjit%3Don", jit=False)) as database:
        by_url = await shown(database, "jit")

    assert (direct, by_url) == (in_force, "on")


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
async def test_a_connection_has_a_name_by_itself(driver: str, database_url: str) -> None:
    settings = DatabaseSettings(url=database_url.replace("postgresql", driver, 1))
    async with Database(settings) as database:
        name = await shown(database, "application_name")

    assert name == settings.effective_application_name != ""


async def test_hints_name_the_variables_of_the_prefix(database_url: str) -> None:
    settings = DatabaseSettings(
        env_prefix="ARCHIVE_DATABASE_", url=database_url, command_timeout=0.1, pool_mode="none"
    )
    with pytest.raises(CommandTimeoutError, match="raise ARCHIVE_DATABASE_COMMAND_TIMEOUT"):
        async with Database(settings) as database, database.reader() as reader:
            await reader.exec(select(func.pg_sleep(5)))

    assert "ARCHIVE_DATABASE_POOL_MODE=none" in plan_pool(settings).reason


async def shown(database: Database, name: str) -> str:
    async with database.session() as session:
        connection = await session.connection()
        return str(await connection.scalar(text(f"SHOW {name}")))


LIMITS = {"statement_timeout": 5.0, "lock_timeout": 1.5}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("pooler", ["", "&pgbouncer=true"], ids=["direct", "pooled"])
async def test_the_servers_limits_hold_in_every_transaction(
    pooler: str, driver: str, database_url: str
) -> None:
    url = database_url.replace("postgresql://", driver) + "?sslmode=disable" + pooler
    async with Database(DatabaseSettings(url=url, **LIMITS)) as database:
        limits = [await shown(database, name) for name in LIMITS]

    assert limits == ["5s", "1500ms"]


@pytest.mark.parametrize("driver", DRIVERS)
async def test_behind_a_pooler_the_limits_do_not_outlive_the_transaction(
    driver: str, database_url: str
) -> None:
    url = database_url.replace("postgresql://", driver) + "?pgbouncer=true"
    async with Database(DatabaseSettings(url=url, pool_size=1, **LIMITS)) as database:
        await shown(database, "lock_timeout")
        async with database.reader() as reader:
            left = (await reader.exec(select(func.current_setting("lock_timeout")))).one()

    assert left == "0"


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_statement_over_the_servers_limit_is_a_timeout(
    driver: str, database_url: str
) -> None:
    url = database_url.replace("postgresql://", driver)
    async with Database(DatabaseSettings(url=url, statement_timeout=1)) as database:
        with pytest.raises(DBAPIError) as caught:
            async with database.engine.connect() as connection:
                await connection.execute(text("SELECT pg_sleep(60)"))

    assert classify(caught.value).fault is Fault.STATEMENT_TIMEOUT


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize(
    ("given", "shown_as"),
    [({}, "2min"), ({"idle_in_transaction_timeout": 0}, "0"), ({"request_timeout": None}, "0")],
)
async def test_a_transaction_without_its_client_ends_on_a_direct_connection(
    database_url: str, driver: str, given: dict[str, Any], shown_as: str
) -> None:
    url = database_url.replace("postgresql", driver, 1)
    async with Database(DatabaseSettings(url=url, **given)) as database:
        assert await shown(database, "idle_in_transaction_session_timeout") == shown_as


async def test_for_psycopg_without_a_pooler_the_server_keeps_the_limit(database_url: str) -> None:
    url = database_url.replace("postgresql://", "postgresql+psycopg://")
    async with Database(DatabaseSettings(url=url, command_timeout=7)) as database:
        limit = await shown(database, "statement_timeout")

    assert limit == "7s"


@pytest.mark.parametrize("driver", DRIVERS)
async def test_the_application_name_of_the_settings_wins(driver: str, database_url: str) -> None:
    url = database_url.replace("postgresql://", driver) + "?application_name=by-url"
    async with Database(DatabaseSettings(url=url)) as database:
        by_url = await shown(database, "application_name")
    async with Database(DatabaseSettings(url=url, application_name="by-setting")) as database:
        by_setting = await shown(database, "application_name")

    assert (by_url, by_setting) == ("by-url", "by-setting")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("setting", "pooler", "kept"),
    [("auto", "", True), ("auto", "?pgbouncer=true", False), ("on", "?pgbouncer=true", True),
     ("off", "", False)],
)  # fmt: skip
async def test_named_prepared_statements_are_used_where_they_are_safe(
    setting: str, pooler: str, kept: bool, driver: str, database_url: str
) -> None:
    url = database_url.replace("postgresql://", driver) + pooler
    settings = DatabaseSettings(url=url, prepared_statements=setting, pool_size=1)
    async with Database(settings) as database:
        for _ in range(7):
            # psycopg forgets its statements at a ROLLBACK.
            async with database.engine.begin() as connection:
                await connection.execute(text("SELECT 1 AS again"))
        async with database.engine.connect() as connection:
            found = await connection.scalar(
                text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%again%'")
            )

    # The statement that asks holds the word itself, and may be prepared under its name, too.
    assert (found is not None and found >= 1) is kept


@pytest.mark.parametrize(("parameters", "shown_values"), [(False, False), (True, True)])
async def test_echo_shows_statements_and_their_values_only_when_asked(
    parameters: bool, shown_values: bool, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=database_url, echo=True, echo_parameters=parameters)
    async with Database(settings) as database, database.engine.connect() as connection:
        await connection.execute(text("SELECT :word AS said"), {"word": "hush"})

    assert "AS said" in caplog.text
    assert ("hush" in caplog.text) is shown_values


@pytest.mark.parametrize(("may_sleep", "min_idle"), [("yes", 0), ("no", 3), ("auto", 3)])
async def test_nothing_is_kept_of_a_database_that_may_sleep_and_the_reason_says_so(
    may_sleep: str, min_idle: int
) -> None:
    settings = DatabaseSettings(
        url="postgresql://u:p@127.0.0.1/d", pool_min_idle=3, may_sleep=may_sleep
    )
    plan = plan_pool(settings)
    engine = build_engine(Connector(settings), plan)
    pool = engine.sync_engine.pool
    assert isinstance(pool, AsyncPool)

    assert pool.policy.min_idle == min_idle
    assert ("POOL_MIN_IDLE has no effect" in plan.reason) is (min_idle == 0)
