"""Every finding has a code of its own, and its section in the reference."""

from tests.docs.pages import page
from wellhead.doctor import DIAGNOSES, Diagnosis
from wellhead.doctor.catalogue import CHECKS, MODULES
from wellhead.errors.codes import codes

PAGE = page("reference/findings.md")


def section_of(diagnosis: Diagnosis) -> str:
    """The section of a diagnosis in the reference."""
    kind = diagnosis.outcome.capitalize()
    return (
        f"### {diagnosis.code}\n\n{kind}. {diagnosis.title} {diagnosis.why}\n\n"
        f"Cure: {diagnosis.cure}\n"
    )


def test_the_reference_has_every_code_in_the_order_of_the_checks() -> None:
    assert [heading for heading in PAGE.headings if heading in DIAGNOSES] == list(DIAGNOSES)


def test_the_reference_says_of_each_finding_what_explain_says() -> None:
    missing = [section_of(each) for each in DIAGNOSES.values() if section_of(each) not in PAGE.text]

    assert missing == []


def test_no_two_findings_have_one_code() -> None:
    assert len(DIAGNOSES) == 1 + sum(len(module.DIAGNOSES) for module in MODULES)


def test_every_code_of_a_refusal_is_a_finding() -> None:
    assert codes() - DIAGNOSES.keys() == set()


def test_the_reference_has_every_check() -> None:
    assert PAGE.column("Check") == [check.name for check in CHECKS]
