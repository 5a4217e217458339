"""Each failure, staged for real, is named first, in one sentence and with its cure.

The table of docs/how-to/find-out-why.md has what these tests see; one that fails shows the line.
"""

from dataclasses import replace

import pytest

from tests.doctor.stages import POOLED, STAGES
from tests.doctor.table import PAGE, assert_named_first
from wellhead.doctor import examine

# Up to the login, no driver is involved.
BY_DRIVER = (
    "a server that insists on TLS",
    "a wrong password",
    "a database that does not exist",
    "a server that is starting",
    "a server whose connections are all in use",
)


@pytest.mark.slow
@pytest.mark.parametrize("failure", [name for name in STAGES if name not in POOLED])
async def test_a_staged_failure_is_named_first_with_its_cure(
    failure: str, request: pytest.FixtureRequest
) -> None:
    await assert_named_first(failure, request)


@pytest.mark.parametrize("failure", BY_DRIVER)
async def test_psycopgs_failures_have_the_same_codes(
    failure: str, request: pytest.FixtureRequest
) -> None:
    async with STAGES[failure](request) as wishes:
        assert wishes.url is not None
        report = await examine(replace(wishes, url=wishes.url.replace("ql:", "ql+psycopg:", 1)))

    assert report.first is not None
    assert f"#{report.first.code})" in next(
        line for line in PAGE.text.splitlines() if line.startswith(f"| {failure} |")
    )


def test_the_table_has_every_staged_failure_and_no_other() -> None:
    assert PAGE.column("Staged") == list(STAGES)
