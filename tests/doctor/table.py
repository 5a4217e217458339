"""The table of staged failures in docs/how-to/find-out-why.md."""

import re

from tests.docs.pages import page
from wellhead.doctor import Finding

PAGE = page("how-to/find-out-why.md")

# What differs from run to run.
_VARIABLE = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:5432"),
    (r"\btest_[0-9a-f]{6}_\d+(_not)?", "shop"),
    (r"\bin \d+ days", "in 300 days"),
    (r"\btrustme v[\d.]+", "a private authority"),
    (r"--scripts \S+", "--scripts migrations"),
)


def line_of(failure: str, finding: Finding) -> str:
    """The line about a staged failure."""
    code = f"[`{finding.code}`](../reference/findings.md#{finding.code})"
    line = f"| {failure} | {code} | {finding.seen} | {finding.cure} |"
    for pattern, instead in _VARIABLE:
        line = re.sub(pattern, instead, line)
    return line
