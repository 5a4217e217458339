"""The alerts and the dashboard name what is exported."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT
from todo.web.figures import HTTPCollector
from wellhead.telemetry.metrics import FIGURES

FILES = ROOT / "deploy" / "monitoring"
ALERTS = [
    rule
    for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [
    target["expr"] for panel in PANELS for target in panel["targets"]
]

OF_PROMETHEUS = {"job", "instance"}
SERIES: dict[str, dict[str, set[str]]] = {
    "counter": {"_total": set()},
    "gauge": {"": set()},
    "histogram": {"_bucket": {"le"}, "_sum": set(), "_count": set()},
    "summary": {"_sum": set(), "_count": set()},
}
"""The series of each kind of metric: what its name ends in, and the labels that come from there."""


def exported() -> dict[str, set[str]]:
    """The labels of each series that a process exports."""
    found: dict[str, set[str]] = {}
    for figure in FIGURES:
        metric = figure.metric({})
        for ending, further in SERIES[metric.type].items():
            found[metric.name + ending] = {"database", *further, *filter(None, [figure.label])}
    http = HTTPCollector()
    http.add("GET", "/", 200, 0.1)
    for metric in http.collect():
        found |= {sample.name: set(sample.labels) for sample in metric.samples}
    return found


KNOWN = exported()


def named(expression: str) -> dict[str, set[str]]:
    """The series that an expression names, and the labels by which it selects them."""
    found: dict[str, set[str]] = {}
    for name, matchers in re.findall(r"\b((?:wellhead|http)_\w+)(\{[^}]*\})?", expression):
        found.setdefault(name, set()).update(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers))
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_series_and_labels_that_are_exported(expression: str) -> None:
    series = named(expression)
    grouped = re.findall(r"\b(?:by|on|ignoring|without) \(([^)]*)\)", expression)

    assert series
    for name, labels in series.items():
        assert labels <= KNOWN[name] | OF_PROMETHEUS, name
    labels = set(re.split(r",\s*", ", ".join(grouped))) - {""}
    assert labels <= set[str]().union(OF_PROMETHEUS, *(KNOWN[name] for name in series))


def test_every_figure_is_on_the_dashboard_or_raises_an_alert() -> None:
    used = " ".join(EXPRESSIONS)
    unused = [each.name for each in FIGURES if not re.search(rf"\bwellhead_{each.name}", used)]

    assert unused == []


def test_panels_say_what_they_show_and_do_not_overlap() -> None:
    everything = DASHBOARD["panels"]

    assert all(panel["description"].endswith(".") for panel in PANELS)
    assert len({panel["id"] for panel in everything}) == len(everything)
    for one, other in combinations([panel["gridPos"] for panel in everything], 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )


def test_each_alert_says_what_happened_and_what_to_do_and_has_a_test() -> None:
    stages = yaml.safe_load((FILES / "alerts.test.yaml").read_text())["tests"]
    tried = [test for stage in stages for test in stage["alert_rule_test"]]

    for rule in ALERTS:
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert any(test["alertname"] == rule["alert"] and test["exp_alerts"] for test in tried)
