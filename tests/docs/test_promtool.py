"""Prometheus takes the alerts, and each comes when `alerts.test.yaml` says that it does."""

import subprocess

import pytest

from tests.docs.pages import ROOT


@pytest.mark.parametrize(
    "arguments", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts.test.yaml")]
)
def test_prometheus_finds_no_fault_in_the_alerts(promtool: str, arguments: tuple[str, ...]) -> None:
    found = subprocess.run(
        [promtool, *arguments],
        cwd=ROOT / "deploy" / "monitoring",
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stdout + found.stderr
