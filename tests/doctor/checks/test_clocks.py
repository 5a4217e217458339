"""When the difference of two clocks is worth a warning."""

import pytest

from wellhead.doctor.checks.clocks import finding_about


@pytest.mark.parametrize(
    ("difference", "uncertainty", "code"),
    [
        (0.1, 0.1, None),
        (-2.5, 1.0, None),
        (-2.5, 0.1, "clocks_differ"),
        (3600.0, 0.1, "clocks_differ"),
    ],
)
def test_clocks_differ_only_by_more_than_the_round_trip_explains(
    difference: float, uncertainty: float, code: str | None
) -> None:
    assert finding_about(difference, uncertainty=uncertainty).code == code


def test_it_says_whose_clock_is_ahead() -> None:
    assert "3600 s ahead of" in finding_about(3600, uncertainty=0.1).seen
    assert "3600 s behind" in finding_about(-3600, uncertainty=0.1).seen
