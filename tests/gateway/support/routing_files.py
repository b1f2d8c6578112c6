"""routing.json as ops writes it, and a fake TorchServe whose answers say which version made them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.routing.choice import Routing
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked


async def agreed() -> None:
    """Wait for as long as it may take until every gateway has looked at the file again."""
    await asyncio.sleep(0.2)


#: On a machine under load an answer looks as if it had waited in a queue, and then nothing is shadowed.
NEVER_WAITED = {"total": 60_000.0}


class RoutingJson:
    """The file in a folder of its own, replaced in one step as ops does it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "routing.json"
        self.revision = 0

    def write(self, **keys: Any) -> None:
        self.revision += 1
        given = {"schema": 1, "revision": self.revision, "updated": "2026-11-23T15:00:00Z", "stable": "1.0", **keys}
        self.put(json.dumps(given).encode())

    def put(self, content: bytes) -> None:
        partial = self.path.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(self.path)

    def canary(self, percent: float, version: str = "1.1", salt: str = "s", **keys: Any) -> None:
        self.write(canary={"version": version, "percent": percent, "salt": salt}, **keys)


class Source:
    """A routing that a test sets."""

    def __init__(self, routing: Routing) -> None:
        self.routing = routing

    def current(self) -> Routing:
        return self.routing


def asked_version(asked: Asked) -> str | None:
    """Return the version that a request to TorchServe pins."""
    match asked.path.strip("/").split("/"):
        case ["yolo", version, "predict"]:
            return version
    return None


def by_version(default: str = "1.0", boxes: dict[str, list[dict[str, Any]]] | None = None) -> Callable[[Asked], Answer]:
    """Make the fake answer as several versions do: each names itself, with boxes of its own where given."""

    def predict(asked: Asked) -> Answer:
        version = asked_version(asked) or default
        found = (boxes or {}).get(version, STREET["boxes"])
        model = {"name": "yolo", "version": version}
        return Answer([{**STREET, "boxes": found, "model": model, "timings_ms": NEVER_WAITED}])

    return predict
