"""What it means that a server is a standby, read-only or behind; the stages have real ones."""

from typing import Any

import pytest

from wellhead.doctor.checks.standby import findings_about

PRIMARY = {"is_standby": False, "is_read_only": False, "lag": None}
STANDBY = {"is_standby": True, "is_read_only": False, "lag": 0.0}


@pytest.mark.parametrize(
    ("state", "replicas", "reads_only", "codes"),
    [
        (PRIMARY, [], False, [None]),
        (PRIMARY, [{"name": "b", "lag": 0.5}], False, [None]),
        (PRIMARY, [{"name": "b", "lag": 60.0}], False, [None, "replication_lag"]),
        ({**PRIMARY, "is_read_only": True}, [], False, ["read_only"]),
        ({**PRIMARY, "is_read_only": True}, [], True, [None]),
        (STANDBY, [], False, ["standby"]),
        (STANDBY, [], True, [None]),
        ({**STANDBY, "lag": 60.0}, [], True, [None, "replication_lag"]),
        ({**STANDBY, "lag": None}, [], True, [None]),
    ],
)
def test_a_state_is_understood(
    state: dict[str, Any], replicas: list[dict[str, Any]], reads_only: bool, codes: list[str | None]
) -> None:
    found = findings_about(state, replicas, reads_only=reads_only)

    assert [finding.code for finding in found] == codes
