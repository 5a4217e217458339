"""psycopg's connection: what a cancellation leaves to be done."""

import asyncio

import pytest
from psycopg.pq import TransactionStatus

from tests.staging.patience import until
from wellhead.connecting.psycopg_connection import PsycopgConnection
from wellhead.testing.proxy import TCPProxy


async def test_psycopg_sends_no_statement_after_a_begin_that_was_cancelled(
    proxied_url: str, proxy: TCPProxy
) -> None:
    connection = await PsycopgConnection.connect(proxied_url)
    await connection.execute("SELECT 1")
    await connection.rollback()
    sent = proxy.break_at(b"too late", passes=False)
    proxy.delay(0.2)
    task = asyncio.create_task(connection.execute("SELECT 'too late'"))
    await until(lambda: connection.info.transaction_status == TransactionStatus.ACTIVE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    proxy.delay(0)

    assert not sent.is_set()
    assert not connection.closed
    await connection.rollback()
    assert await (await connection.execute("SELECT 7")).fetchone() == (7,)
    await connection.close()


@pytest.mark.parametrize("name", ["autocommit", "isolation_level", "read_only", "deferrable"])
async def test_psycopgs_attributes_are_set_without_giving_up_the_turn(
    name: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # psycopg gives it up where the loop has been busy for so long.
    monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", -1.0)
    connection = await PsycopgConnection.connect(database_url)
    value = 2 if name == "isolation_level" else True

    setting = getattr(connection, f"set_{name}")(value)
    with pytest.raises(StopIteration):
        setting.send(None)

    assert getattr(connection, name) == value
    await connection.close()


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_where_no_transaction_is_its_end_does_not_give_up_the_turn(
    end: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", -1.0)
    connection = await PsycopgConnection.connect(database_url)

    with pytest.raises(StopIteration):
        getattr(connection, end)().send(None)

    await connection.execute("CREATE TABLE note (id int)")
    await getattr(connection, end)()
    found = await (await connection.execute("SELECT to_regclass('note') IS NULL")).fetchone()
    assert found == (end == "rollback",)
    await connection.close()
