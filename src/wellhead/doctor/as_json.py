"""The report for programs: docs/reference/findings.md documents the schema."""

import json
from typing import Final

from wellhead.doctor.examination import Report

VERSION: Final = 1
"""The version of the schema: it changes if a field is removed or means something else."""


def as_json(report: Report) -> str:
    """The report as one JSON object."""
    first = report.first
    return json.dumps(
        {
            "version": VERSION,
            "target": report.target,
            "outcome": report.outcome,
            "first": first and first.code,
            "ended_at": report.ended_at,
            "findings": [
                {
                    "check": finding.check,
                    "outcome": finding.outcome,
                    "code": finding.code,
                    "seen": finding.seen,
                    "why": finding.why,
                    "cure": finding.cure,
                }
                for finding in report.findings
            ],
            "env": [
                {"name": line.name, "value": line.value, "reason": line.reason}
                for line in report.env
            ],
        },
        indent=2,
        ensure_ascii=False,
    )
