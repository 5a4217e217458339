"""Settings that are valid and work against each other, or against the URL."""

from typing import Any

import pytest

from tests.doctor.checks.of_case import case_with, lines_of
from wellhead.doctor.checks.contradictions import check_settings

NEON = "postgresql://u:p@ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech/d"
POOLED = "postgresql://u:p@h/d?pgbouncer=true"


@pytest.mark.parametrize(
    ("url", "values", "codes"),
    [
        ("postgresql://u:p@h/d", {}, [None]),
        (NEON, {"connect_timeout": 2}, ["wake_too_short"]),
        (NEON, {"pool_min_idle": 1}, ["setting_ignored"]),
        (POOLED, {"jit": False}, ["setting_ignored"]),
        (POOLED, {"statement_timeout": 5, "lock_timeout": 1}, ["setting_ignored"] * 2),
        (POOLED, {"idle_in_transaction_timeout": 120}, ["setting_ignored"]),
        ("postgresql://u:p@h/d", {"pool_mode": "none"}, ["pool_off"]),
        (
            "postgresql://u:p@h/d",
            {"pool_mode": "none", "pool_pre_ping": True},
            ["setting_ignored", "pool_off"],
        ),
        ("postgresql://u:p@h/d", {"echo_parameters": True}, ["values_shown"]),
    ],
)
async def test_settings_that_work_against_each_other_are_named(
    url: str, values: dict[str, Any], codes: list[str | None]
) -> None:
    case = case_with(url, **values)

    assert [finding.code async for finding in check_settings(case)] == codes


async def test_a_database_that_sleeps_gets_enough_time() -> None:
    case = case_with(NEON, connect_timeout=2)
    _ = [finding async for finding in check_settings(case)]

    assert lines_of(case) == {"DATABASE_CONNECT_TIMEOUT": "15"}
