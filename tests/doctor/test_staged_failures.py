"""Each failure, staged for real, is named first, in one sentence and with its cure.

The table of docs/how-to/find-out-why.md has what these tests see; one that fails shows the line.
"""

import re
from dataclasses import replace

import pytest

from tests.docs.pages import page
from tests.doctor.stages import STAGES
from wellhead.doctor import Finding, Outcome, examine

PAGE = page("how-to/find-out-why.md")

# What differs from run to run.
_VARIABLE = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:5432"),
    (r"\btest_[0-9a-f]{6}_\d+(_not)?", "shop"),
    (r"\bin \d+ days", "in 300 days"),
    (r"\btrustme v[\d.]+", "a private authority"),
)


def line_of(failure: str, finding: Finding) -> str:
    code = f"[`{finding.code}`](../reference/findings.md#{finding.code})"
    line = f"| {failure} | {code} | {finding.seen} | {finding.cure} |"
    for pattern, instead in _VARIABLE:
        line = re.sub(pattern, instead, line)
    return line


@pytest.mark.parametrize("failure", STAGES)
async def test_a_staged_failure_is_named_first_with_its_cure(
    failure: str, request: pytest.FixtureRequest
) -> None:
    async with STAGES[failure](request) as wishes:
        report = await examine(wishes)

    assert report.first is not None
    assert report.first.outcome is Outcome.FAILURE
    line = line_of(failure, report.first)
    assert line in PAGE.text.splitlines(), line


@pytest.mark.parametrize("failure", [name for name in STAGES if name != "nothing is set"])
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
