"""What the server's time limits mean next to the settings."""

from typing import Any

import pytest

from tests.doctor.checks.of_case import case_with, lines_of
from wellhead.doctor import Wishes, examine
from wellhead.doctor.checks.time_limits import findings_about


@pytest.mark.parametrize(
    ("limits", "values", "codes"),
    [
        ({}, {}, ["no_server_limit"]),
        ({"statement_timeout": 60}, {}, [None]),
        ({"statement_timeout": 5}, {}, [None, "server_limit_shorter"]),
        ({"statement_timeout": 5}, {"statement_timeout": 5}, [None]),
        (
            {"statement_timeout": 60, "idle_in_transaction_session_timeout": 5},
            {},
            [None, "server_limit_shorter"],
        ),
        ({"statement_timeout": 60, "idle_session_timeout": 60}, {}, [None, "idle_ended"]),
        ({"statement_timeout": 60, "idle_session_timeout": 3600}, {}, [None]),
    ],
)
def test_a_limit_is_compared_with_the_setting(
    limits: dict[str, float], values: dict[str, Any], codes: list[str | None]
) -> None:
    assert [finding.code for finding in findings_about(case_with(**values), limits)] == codes


def test_idle_connections_are_to_be_closed_before_the_server_does() -> None:
    case = case_with()
    findings_about(case, {"statement_timeout": 60, "idle_session_timeout": 60})

    assert lines_of(case) == {"DATABASE_POOL_IDLE_TIMEOUT": "48"}


async def test_the_limits_are_those_of_an_applications_session(database_url: str) -> None:
    url = f"{database_url}?options=-cstatement_timeout%3D5000"
    report = await examine(Wishes(url=url))

    [seen, shorter] = [finding for finding in report.findings if finding.check == "limits"]
    assert "statement_timeout 5 s" in seen.seen
    assert shorter.code == "server_limit_shorter"
