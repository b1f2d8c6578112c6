"""The alert rules: each fires on a recorded case, none on a good day, and the runbook has a section on each."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import documents
from tests.support.services import find_binary
from tests.support.tree import ROOT

RULES = ROOT / "deploy" / "observability" / "rules"
CASES = Path(__file__).parent / "alerts" / "cases.yml"


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((RULES / name).read_text())["groups"] for rule in group["rules"]]


def test_each_alert_fires_on_a_recorded_case_and_none_on_a_good_day() -> None:
    promtool = find_binary("promtool", "prometheus")
    done = subprocess.run([promtool, "test", "rules", str(CASES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_without_a_case() -> None:
    expected = {
        label
        for case in yaml.safe_load(CASES.read_text())["tests"]
        for test in case["promql_expr_test"]
        for sample in test.get("exp_samples", ())
        for label in [sample["labels"].split('"')[1]]
    }
    assert expected == {rule["alert"] for rule in rules("alerts.yml")}


@pytest.mark.parametrize("rule", rules("alerts.yml"), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_leads_to_its_section_of_the_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    page, _, fragment = rule["annotations"]["runbook"].partition("#")
    assert (page, fragment) == ("docs/runbook.md", rule["alert"].lower())
    assert len(rule["annotations"]["summary"]) > 20


def test_the_runbook_has_a_section_for_each_alert_and_for_nothing_else() -> None:
    sections = documents.anchors(ROOT / "docs" / "runbook.md") - {"runbook"}
    assert sections == {rule["alert"].lower() for rule in rules("alerts.yml")}
