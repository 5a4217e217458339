"""What it means that a server is a standby, read-only or behind."""

from typing import Any

import pytest

from tests.doctor.stages import behind_primary
from tests.staging.patience import until
from tests.staging.streaming import Replication
from wellhead.doctor import Report, Wishes, examine
from wellhead.doctor.checks import standby
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


def lag_in(report: Report) -> list[str]:
    return [finding.seen for finding in report.findings if finding.code == "replication_lag"]


async def test_the_primary_knows_which_standby_is_behind(
    replication: Replication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "LATE", 1e-9)
    primary = Wishes(url=replication.primary.url)
    async with behind_primary(replication):
        is_seen = "SELECT max(replay_lag) > interval '0' FROM pg_stat_replication"
        await until(lambda: replication.primary.ask(is_seen))
        report = await examine(primary)

    assert lag_in(report)
    assert all(seen.startswith("The standby walreceiver is ") for seen in lag_in(report))


async def test_a_standby_that_has_caught_up_is_not_behind(
    replication: Replication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "LATE", 1e-9)
    url = f"{replication.standbys[0].url}?target_session_attrs=standby"

    assert lag_in(await examine(Wishes(url=url))) == []
