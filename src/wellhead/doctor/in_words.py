"""The report for people."""

import textwrap
from collections.abc import Callable, Iterator

from wellhead.doctor.examination import Report
from wellhead.doctor.findings import Diagnosis, Finding, Outcome

_WIDTH = 96
_INDENT = " " * 9

Paint = Callable[[str, Outcome], str]


def in_words(report: Report, paint: Paint) -> str:
    """The report: what is wrong first, then what was seen, then what to change.

    Args:
        report: The result of an examination.
        paint: Colours the word of an outcome.
    """
    parts = ["\n".join(_verdict(report, paint)), "\n".join(_seen(report, paint))]
    if details := [_detail(finding, paint) for finding in report.findings if finding.diagnosis]:
        parts.append("\n\n".join(details))
    parts.append("\n".join(_env(report)))
    return "\n\n".join(parts) + "\n"


def explain(diagnosis: Diagnosis) -> str:
    """What a code means."""
    return "\n".join(
        [
            f"{diagnosis.code} ({diagnosis.outcome}): {diagnosis.title}",
            "",
            *_labelled("Why", diagnosis.why),
            *_labelled("Cure", diagnosis.cure),
            "",
        ]
    )


def _verdict(report: Report, paint: Paint) -> Iterator[str]:
    first = report.first
    if first is None:
        yield paint("Nothing is wrong", Outcome.OK) + f" with {report.target}."
        return
    yield f"{paint(str(first.outcome), first.outcome)}: {first.seen} [{first.code}]"
    yield f"Cure: {first.cure}"


def _seen(report: Report, paint: Paint) -> Iterator[str]:
    last = None
    for finding in report.findings:
        name = finding.check if finding.check != last else ""
        last = finding.check
        mark = paint(f"{finding.outcome:<7}", finding.outcome)
        code = f" [{finding.code}]" if finding.code else ""
        yield f"{mark}  {name:<14} {finding.seen}{code}"
    if report.ended_at is not None:
        yield f"The examination ended after {report.ended_at}: nothing beyond it can be seen."


def _detail(finding: Finding, paint: Paint) -> str:
    head = f"{paint(str(finding.outcome), finding.outcome)} {finding.code}: {finding.seen}"
    return "\n".join([head, *_labelled("Why", finding.why), *_labelled("Cure", finding.cure)])


def _labelled(label: str, text: str) -> list[str]:
    head = f"  {label}:".ljust(len(_INDENT))
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _env(report: Report) -> Iterator[str]:
    if not report.env:
        yield "No line of .env has to change."
        return
    yield "Recommended lines of .env:"
    for line in report.env:
        yield f"# {line.reason}"
        yield f"{line.name}={line.value}"
