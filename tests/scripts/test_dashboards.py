"""The dashboards are what Grafana reads, each panel says what to do, and what they name is provisioned."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.support import documents
from tests.support.monitoring import dashboards
from tests.support.tree import ROOT

GRAFANA = ROOT / "deploy" / "observability" / "grafana"
#: Keys of an annotation that are the data source's own.
OF_PROMETHEUS = ("expr", "titleFormat", "step")
register_default_plugins()


def lost(given: Any, kept: Any, place: str = "") -> list[str]:
    """Return the places of what Grafana's own model does not know: it drops that silently."""
    if isinstance(given, dict):
        missing = [f"{place}.{key}" for key in given if key not in kept and key not in OF_PROMETHEUS]
        return missing + [one for key in given if key in kept for one in lost(given[key], kept[key], f"{place}.{key}")]
    if isinstance(given, list):
        pairs = zip(given, kept, strict=True)
        return [one for index, (a, b) in enumerate(pairs) for one in lost(a, b, f"{place}[{index}]")]
    return [] if given == kept else [place]


@pytest.mark.parametrize("name", dashboards())
def test_grafanas_own_model_of_a_dashboard_knows_all_that_is_in_it(name: str) -> None:
    given = dashboards()[name]
    kept = json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder))
    assert lost(given, kept) == []
    assert given["uid"] == name


def overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    """Tell whether two panels cover each other."""
    sides = (("x", "w"), ("y", "h"))
    return all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in sides)


@pytest.mark.parametrize("name", dashboards())
def test_each_panel_says_what_to_do_and_has_a_place_of_its_own(name: str) -> None:
    panels = dashboards()[name]["panels"]
    for panel in panels:
        assert len(panel["description"]) > 50, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert [pair for pair in combinations(places, 2) if overlap(*pair)] == []


def test_a_description_that_names_a_section_of_the_runbook_names_one_that_exists() -> None:
    sections = documents.anchors(ROOT / "docs" / "runbook.md")
    for board in dashboards().values():
        for panel in board["panels"]:
            _, _, named = panel["description"].lower().partition("runbook, ")
            for one in named.rstrip(".").split(" or ") if named else ():
                assert one in sections, panel["title"]


def sources() -> dict[str, dict[str, Any]]:
    """Return the provisioned sources of data by their uids."""
    provisioned = yaml.safe_load((GRAFANA / "provisioning/datasources/datasources.yml").read_text())
    return {source["uid"]: source for source in provisioned["datasources"]}


def test_a_spike_leads_to_the_lines_of_its_time_model_and_version() -> None:
    boards = dashboards()
    variables = {variable["name"] for variable in boards["logs"]["templating"]["list"]}
    links = {
        panel["title"]: urlsplit(link["url"])
        for board in boards.values()
        for panel in board["panels"]
        for link in panel["fieldConfig"]["defaults"].get("links", ())
    }
    assert {"Failed requests", "Errors by code", "Model server failures", "Time of each version"} <= links.keys()
    for title, url in links.items():
        assert url.path == f"/d/logs/{boards['logs']['uid']}"
        time, *given = url.query.split("&")
        assert time == "${__url_time_range}", title
        names = {name for name, _ in parse_qsl("&".join(given), strict_parsing=True)}
        assert names <= {f"var-{name}" for name in variables}, title
    assert {"var-model", "var-version", "var-filter"} == {name for name, _ in parse_qsl(links["Failures"].query)} - {""}


def test_a_line_leads_to_its_trace() -> None:
    found = sources()["victoria-logs"]
    compose = yaml.safe_load((ROOT / "deploy/compose/metrics.yml").read_text())["services"]["grafana"]
    assert compose["environment"]["GF_PLUGINS_PREINSTALL"].split("@")[0] == found["type"]
    assert compose["environment"]["GF_USERS_VIEWERS_CAN_EDIT"] == "true", "the trace opens in Explore"
    (link,) = found["jsonData"]["derivedFields"]
    assert (link["matcherType"], link["matcherRegex"], link["datasourceUid"]) == ("label", "trace_id", "jaeger")
    assert link["url"] == "$${__value.raw}", "the second $ is for the provisioning, which replaces variables"


def test_every_source_of_data_that_a_dashboard_names_is_provisioned() -> None:
    provisioned = sources()
    named = {
        target["datasource"]["uid"]
        for board in dashboards().values()
        for panel in board["panels"]
        for target in panel["targets"]
    }
    assert named <= provisioned.keys()
