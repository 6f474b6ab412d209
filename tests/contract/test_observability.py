"""Dashboards and alert rules name only what the cluster tells, and every alert says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.config.layout import LayoutModel
from cluster.telemetry.metrics import METRICS, Kind, Metric

ROOT = Path(__file__).resolve().parents[2]
OBSERVABILITY = ROOT / "docs" / "observability"
RULES = OBSERVABILITY / "alerts.yml"
CONFIG = OBSERVABILITY / "prometheus.yml"
DASHBOARD = OBSERVABILITY / "grafana-dashboard.json"
RULE_TESTS = Path(__file__).parent / "alerts.test.yml"

_NAME = re.compile(r"\btrunkline_[a-z_]+")
_SELECTOR = re.compile(r"\b(trunkline_[a-z_]+)\{([^}]*)\}")
#: What Prometheus and histograms add to a metric's own labels.
ADDED = {"job", "instance", "le"}


def metric_of(name: str) -> Metric | None:
    """The metric whose series this is; a histogram has three kinds of series and none of its plain name."""
    for suffix in ("_bucket", "_sum", "_count"):
        found = METRICS.get(name.removesuffix(suffix))
        if name.endswith(suffix) and found is not None and found.kind is Kind.HISTOGRAM:
            return found
    found = METRICS.get(name)
    return found if found is not None and found.kind is not Kind.HISTOGRAM else None


@cache
def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


@cache
def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, with where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in json.loads(DASHBOARD.read_text(encoding="utf-8"))["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_metric_named_is_in_the_catalogue(where: str, expression: str) -> None:
    """A rule or panel over a metric that nobody tells would stay silent for ever."""
    names = _NAME.findall(expression)
    assert names, f"{where} asks for something"
    assert [name for name in names if metric_of(name) is None] == []


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_label_named_is_the_metrics_own(where: str, expression: str) -> None:
    """A selector or grouping by a label that the metric does not have matches nothing."""
    named = {label for name in _NAME.findall(expression) if (one := metric_of(name)) is not None for label in one.all_labels}
    for name, selectors in _SELECTOR.findall(expression):
        metric = metric_of(name)
        assert metric is not None
        chosen = set(re.findall(r"(\w+)\s*[=!]", selectors))
        assert chosen <= {*metric.all_labels, *ADDED}, f"{where}: {name}"
    grouped = {label.strip() for group in re.findall(r"\bby\s*\(([^)]*)\)", expression) for label in group.split(",")}
    assert grouped <= named | ADDED, where


def test_every_alert_leads_to_a_runbook() -> None:
    """Whoever is woken is told what happened, how bad it is and what to do; names are unique, and the guide lists them."""
    guide = (ROOT / "docs/how-to/observe.md").read_text(encoding="utf-8")
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert set(re.findall(r"`(Trunkline\w+)`", guide)) == set(names)
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        notes = rule["annotations"]
        assert notes["summary"] and notes["description"], rule["alert"]
        assert (ROOT / notes["runbook"]).is_file() and notes["runbook"].startswith("docs/runbooks/"), rule["alert"]
        line = next(line for line in guide.splitlines() if f"`{rule['alert']}`" in line)
        assert Path(notes["runbook"]).name in line, f"the guide names another runbook for {rule['alert']}"


def test_panels_are_laid_out() -> None:
    """Panels have titles of their own, an axis unit, ids of their own, and do not lie upon each other."""
    found = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    assert len({panel["title"] for panel in found}) == len(found)
    cells = [
        (panel["gridPos"]["x"] + across, panel["gridPos"]["y"] + down)
        for panel in found
        for across in range(panel["gridPos"]["w"])
        for down in range(panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(across for across, _ in cells) < 24
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels())


def test_the_sample_scrapes_where_the_layout_serves() -> None:
    """The sample configuration works with the default layout, and waits longer than a scrape takes."""
    (job,) = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["scrape_configs"]
    assert job["static_configs"] == [{"targets": [LayoutModel().metrics.listen]}]
    assert job.get("metrics_path", "/metrics") == "/metrics"
    assert int(job["scrape_timeout"].removesuffix("s")) > 2


def test_promtool_finds_nothing_wrong() -> None:
    """Prometheus itself takes the configuration and the rules, and the alerts fire when and only when they should."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; on Debian it is in the package prometheus")
    for command in (["check", "config", str(CONFIG)], ["check", "rules", str(RULES)], ["test", "rules", str(RULE_TESTS)]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"promtool {' '.join(command[:2])}: {done.stdout}{done.stderr}"
