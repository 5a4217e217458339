"""What a version of PostgreSQL means on a day."""

from datetime import date

import pytest

from wellhead.doctor.checks.server_facts import END_OF_LIFE, finding_about


@pytest.mark.parametrize(
    ("major", "day", "code"),
    [
        (17, date(2026, 11, 30), None),
        (14, date(2026, 11, 12), "server_ends_soon"),
        (14, date(2026, 11, 13), "server_not_maintained"),
        (15, date(2027, 8, 1), "server_ends_soon"),
        (9, date(2026, 11, 30), "server_not_maintained"),
        (99, date(2026, 11, 30), None),
    ],
)
def test_a_version_is_maintained_until_its_last_release(
    major: int, day: date, code: str | None
) -> None:
    assert finding_about(major, f"PostgreSQL {major}", day).code == code


def test_each_version_is_maintained_longer_than_the_one_before() -> None:
    assert list(END_OF_LIFE.values()) == sorted(END_OF_LIFE.values())
    assert list(END_OF_LIFE) == list(range(min(END_OF_LIFE), max(END_OF_LIFE) + 1))
