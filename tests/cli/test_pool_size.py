"""`wellhead pool-size`: settings to paste, without a database."""

from typer.testing import CliRunner

from wellhead import DatabaseSettings
from wellhead.cli.app import app


def test_it_prints_settings_that_can_be_used() -> None:
    done = CliRunner().invoke(
        app, ["pool-size", "--max-connections", "100", "--replicas", "3", "--workers", "4"]
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    values = dict(line.removeprefix("DATABASE_").lower().split("=") for line in lines)
    settings = DatabaseSettings(url="postgresql://u:p@localhost/db", **values)

    assert done.exit_code == 0
    assert settings.pool_processes == 12
    assert 12 * (settings.pool_size + settings.max_overflow) == 96
    assert "# 12 processes x 8 connections = 96 of 97" in done.stdout


def test_a_fleet_that_does_not_fit_is_exit_code_1() -> None:
    done = CliRunner().invoke(
        app, ["pool-size", "--max-connections", "10", "--replicas", "9", "--workers", "1"]
    )

    assert done.exit_code == 1
    assert "9 processes do not fit 7 connections" in done.stderr
