"""What choosing and counting versions costs a request, printed: `pytest -s tests/gateway/routing/test_cost.py`.

Nothing is asserted about time. The detector underneath answers at once, so all of the time is the routing's.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gateway.detection.image_header import ImageHeader
from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Detection, Prediction
from gateway.detection.request import Answer, Ask, Detector
from gateway.settings import Settings
from tests.gateway.conftest import running_app
from tests.gateway.support.routing_files import RoutingJson

pytestmark = pytest.mark.anyio

CALLS = 5000
FOUND = Prediction(
    [Detection(0.9, "person", 0, (0.0, 0.0, 9.0, 9.0))] * 5, (810, 1080), "yolo", "1.0", "detect", {"total": 60_000.0}
)


class AtOnce:
    """A detector and a backend that need no time."""

    async def detect(self, ask: Ask) -> Answer:
        return Answer(FOUND)


def an_ask(**changed: str) -> Ask:
    return Ask(b"", ImageHeader("JPEG", 810, 1080), Parameters(), "id", **changed)


async def microseconds(detector: Detector, ask: Ask) -> float:
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(CALLS):
            await detector.detect(ask)
        best = min(best, time.perf_counter() - started)
    return best / CALLS * 1e6


async def test_a_request_is_timed_through_the_routing_and_past_it(tmp_path: Path, unused_url: str) -> None:
    inner = AtOnce()
    rows = {"without the layer": await microseconds(inner, an_ask())}
    file = RoutingJson(tmp_path)
    cases = {
        "ROUTING_FILE unset": ("", None, an_ask()),
        "no routing.json": (str(file.path), None, an_ask()),
        "a canary, by chance": (str(file.path), 10, an_ask()),
        "a canary, by client key": (str(file.path), 10, an_ask(client_key="camera-12")),
        "a named version": (str(file.path), 10, an_ask(version="1.0")),
    }
    for name, (path, percent, ask) in cases.items():
        if percent is not None:
            file.canary(percent)
        settings = Settings(
            routing_file=path, torchserve_inference_url=unused_url, torchserve_management_url=unused_url
        )
        async with running_app(settings) as (app, _):
            layer = app.state.services.versions.around(inner, lambda: "1.0")
            rows[name] = await microseconds(layer, ask)
            assert (await layer.detect(ask)).prediction.detections == FOUND.detections
    print("\nmicroseconds a request" + "".join(f"\n  {name:<26}{cost:8.2f}" for name, cost in rows.items()))
