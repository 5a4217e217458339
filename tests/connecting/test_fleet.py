"""The warning that the server cannot serve all processes."""

import logging

import pytest

from wellhead import Database, DatabaseSettings
from wellhead.testing.proxy import TCPProxy


def warnings_in(log: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in log.records
        if getattr(record, "event", None) == "pool_overbooked"
    ]


@pytest.mark.parametrize("driver", ["postgresql+asyncpg://", "postgresql+psycopg://"])
async def test_a_fleet_that_the_server_cannot_serve_is_warned_of(
    driver: str, proxied_url: str, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    url = proxied_url.replace("postgresql://", driver)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with Database(DatabaseSettings(url=url, pool_processes=100)):
            connections = proxy.connections
    (said,) = warnings_in(caplog)

    assert said.startswith("100 processes may open 3000 connections (30 each), but the server has ")
    assert connections == 1


async def test_a_fleet_that_fits_is_not(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=database_url, pool_size=1, max_overflow=0)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with Database(settings):
            pass

    assert warnings_in(caplog) == []


async def test_a_poolers_url_is_not_asked(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=database_url + "?pgbouncer=true", pool_processes=100)
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with Database(settings):
            pass

    assert warnings_in(caplog) == []
