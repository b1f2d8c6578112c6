"""The gateway's GET /models as a function from request to answer, with traffic that a test lets happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ops.gateways.counters import Gateways
from ops.paths import MODEL
from ops.store import routing


@dataclass
class FakeGateway:
    """Counts by (version, role). `store`: where it reads the routing from."""

    store: Path
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    since: str = "12:00"
    down: bool = False
    status: int = 200
    model: str = MODEL

    def happen(self, version: str, role: str, requests: int = 0, p95_ms: float = 50.0, found: int = 3, **counts: int):
        """So many more requests were answered, or went otherwise."""
        row = self.rows.setdefault((version, role), {"requests": 0, "errors": 0, "rejected": 0, "fallbacks": 0})
        row["requests"] += requests
        answered = requests - counts.get("errors", 0) - counts.get("rejected", 0)
        row["detections"] = row.get("detections", 0) + found * answered
        row |= {name: row.get(name, 0) + count for name, count in counts.items()}
        row |= {"p50_ms": p95_ms / 2, "p95_ms": p95_ms, "window": min(row["requests"], 1000)}

    def restart(self, since: str) -> None:
        """Forget everything."""
        self.rows, self.since = {}, since

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == ("/models" if self.model == MODEL else f"/models/{self.model}")
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        if self.status != 200:
            return httpx.Response(self.status, json={"status": "error", "error": {"code": "x", "message": "y"}})
        traffic = [
            {"version": version, "role": role, "since_revision": 1, "since": self.since, **row}
            for (version, role), row in self.rows.items()
        ]
        revision = routing.read(self.store).revision
        return httpx.Response(200, json={"models": [], "routing": {"revision": revision}, "traffic": traffic})


def gateways(*fakes: FakeGateway, model: str = MODEL) -> Gateways:
    """All of them, at addresses of their own."""
    hosts = {f"gateway{number}": fake for number, fake in enumerate(fakes)}
    transport = httpx.MockTransport(lambda request: hosts[request.url.host](request))
    return Gateways([f"http://{host}/" for host in hosts], transport, model)
