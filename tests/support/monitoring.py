"""What tests ask the real Prometheus and Alertmanager, and a webhook that remembers what it was sent."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.support.endpoints import HTTP
from tests.support.tree import ROOT

RULES = ROOT / "deploy" / "observability" / "rules"
DASHBOARDS = ROOT / "deploy" / "observability" / "grafana" / "dashboards"
#: A comparison with a number, which an alert has and a series has not.
_COMPARISON = re.compile(r"\s*(?:>=|<=|==|!=|>|<)\s*[0-9.]+")


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> list[float]:
        """Return the values that an expression has now. Fails where it cannot be parsed."""
        answer = HTTP.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30).json()
        assert answer["status"] == "success", (expression, answer)
        return [float(sample["value"][1]) for sample in answer["data"]["result"]]

    def has_data(self, expression: str) -> bool:
        """Tell whether an expression has a series with a number."""
        return any(math.isfinite(value) for value in self.query(expression))


def alert_expression(name: str) -> str:
    """Return the expression of the only alert of this name, with its comparison."""
    groups = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    (found,) = (rule["expr"] for group in groups for rule in group["rules"] if rule["alert"] == name)
    return str(found)


def expressions() -> dict[str, str]:
    """Return each expression of the rules by a name: records as they are, alerts without their comparisons.

    A healthy service gives a comparison nothing; what is compared has to be there all the same.
    """
    found = {}
    for name in ("records.yml", "alerts.yml"):
        for group in yaml.safe_load((RULES / name).read_text())["groups"]:
            for rule in group["rules"]:
                label = rule.get("record") or f"{rule['alert']} {rule['labels'].get('window', '')}".strip()
                found[label] = _COMPARISON.sub("", rule["expr"])
    return found


def dashboards() -> dict[str, dict[str, Any]]:
    """Return the dashboards by the names of their files."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def dashboard_expressions() -> dict[str, str]:
    """Return what the dashboards ask Prometheus by its place, with Grafana's variables replaced as it would."""
    found = {}
    for name, board in dashboards().items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["type"] == "prometheus":
                    found[f"{name}: {panel['title']} {target['refId']}"] = target["expr"]
        for annotation in board["annotations"]["list"]:
            found[f"{name}: {annotation['name']}"] = annotation["expr"]
    return {
        place: expression.replace("$__rate_interval", "1m").replace("$model", ".*")
        for place, expression in found.items()
    }


def without_waiting(rules: Path) -> None:
    """Let the alerts in a copy of the rules fire at once."""
    path = rules / "alerts.yml"
    path.write_text(re.sub(r"for: \w+", "for: 1s", path.read_text()))


@dataclass
class Webhook:
    """What Alertmanager has sent."""

    url: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def has(self, status: str, **labels: str) -> bool:
        """Tell whether an alert with these labels came, as ``firing`` or ``resolved``."""
        return any(one["status"] == status and labels.items() <= one["labels"].items() for one in self.alerts)


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Listen on a free port of loopback until the block ends."""
    found = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.alerts += json.loads(body)["alerts"]
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
