"""Which versions have a known fault."""

import pytest

from wellhead.doctor.checks.packages import faults_of


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("asyncpg", "0.30.0", "other callers' rows"),
        ("asyncpg", "0.31.0", "went silent"),
        ("asyncpg", "0.32.0", ""),
        ("fastapi", "0.121.0", "before the COMMIT"),
        ("fastapi", "0.121.1", ""),
        ("sqlalchemy", "2.0.40", "not tested"),
        ("sqlalchemy", "2.1.0b1", ""),
        ("unknown", "0.0.1", ""),
    ],
)
def test_a_fault_is_known_until_the_version_that_corrects_it(
    name: str, number: str, words: str
) -> None:
    faults = faults_of(name, number)

    assert words in "".join(faults)
    assert bool(faults) is bool(words)
