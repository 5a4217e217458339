"""The table of staged failures in docs/how-to/find-out-why.md."""

import re

import pytest

from tests.docs.pages import page
from tests.doctor.stages import STAGES
from wellhead.doctor import Finding, examine

PAGE = page("how-to/find-out-why.md")

# What differs from run to run.
_VARIABLE = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:5432"),
    (r"\btest_[0-9a-f]{6}_\d+(_not)?", "shop"),
    (r"\bin \d+ days", "in 300 days"),
    (r"\btrustme v[\d.]+", "a private authority"),
    (r"--scripts \S+", "--scripts migrations"),
    (r"\b\d+ s behind its primary", "60 s behind its primary"),
    (
        r"\b\d+ transactions? of more than \d+ s; the oldest is \d+ s old",
        "1 transaction of more than 300 s; the oldest is 400 s old",
    ),
    (r"\(\d+\)", "(4711)"),
)


def line_of(failure: str, finding: Finding) -> str:
    """The line about a staged failure."""
    code = f"[`{finding.code}`](../reference/findings.md#{finding.code})"
    line = f"| {failure} | {code} | {finding.seen} | {finding.cure} |"
    for pattern, instead in _VARIABLE:
        line = re.sub(pattern, instead, line)
    return line


async def assert_named_first(failure: str, request: pytest.FixtureRequest) -> None:
    """Stage a failure: the doctor names it first, and the page has what it says."""
    async with STAGES[failure](request) as wishes:
        report = await examine(wishes)

    assert report.first is not None
    line = line_of(failure, report.first)
    assert line in PAGE.text.splitlines(), line
