"""Whether the fleet fits the server, and who has its connections."""

from wellhead import DatabaseSettings
from wellhead.doctor import Wishes, examine


async def test_a_fleet_that_does_not_fit_gets_a_size_that_does(database_url: str) -> None:
    report = await examine(Wishes(url=database_url, replicas=10, workers=2))

    env = {line.name: line.value for line in report.env}
    [found] = [finding for finding in report.findings if finding.code == "fleet_too_large"]
    assert found.seen.startswith("20 processes may open 600 connections (30 each)")
    size = int(env["DATABASE_POOL_SIZE"]) + int(env["DATABASE_MAX_OVERFLOW"])
    assert 0 < 20 * size <= 97
    assert env["DATABASE_POOL_PROCESSES"] == "20"


async def test_a_fleet_that_fits_is_told_so(database_url: str) -> None:
    report = await examine(Wishes(url=database_url, replicas=3, workers=1))

    seen = [finding.seen for finding in report.findings if finding.check == "connections"]
    assert seen[1] == "3 processes with up to 30 connections each fit the 97 of the server."


async def test_the_budget_of_the_settings_counts_where_it_is_less(database_url: str) -> None:
    settings = DatabaseSettings(url=database_url, pool_budget=60)
    report = await examine(Wishes(source=settings, replicas=3, workers=1))

    [found] = [finding for finding in report.findings if finding.code == "fleet_too_large"]
    assert found.seen.endswith("may open 90 connections (30 each), but the budget is 60.")


async def test_those_who_hold_connections_are_named(database_url: str) -> None:
    report = await examine(Wishes(url=f"{database_url}?application_name=the-shop"))

    [first, _] = [finding.seen for finding in report.findings if finding.check == "connections"]
    assert "Most have:" in first
