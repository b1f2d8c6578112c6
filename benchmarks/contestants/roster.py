"""Who races: how a picture is sent to each, and how its answer is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.load.http_client import Target
from benchmarks.plan import Shape

Boxes = list[dict[str, Any]]


def plain_boxes(body: bytes | str) -> Boxes:
    """Read a rival's answer: the list of boxes itself."""
    return list(json.loads(body))


def torchserve_boxes(body: bytes | str) -> Boxes:
    """Read the answer of this stack's TorchServe: a list with one entry per picture."""
    return list(json.loads(body)[0]["boxes"])


def gateway_boxes(body: bytes | str) -> Boxes:
    """Read the answer of this stack's gateway."""
    return [
        {"xyxy": found["bbox"], "conf": found["confidence"], "cls": found["class_id"], "name": found["class"]}
        for found in json.loads(body)["detections"]
    ]


@dataclass(frozen=True)
class Contestant:
    """One row of the table.

    `server` is the name of what has to run (several contestants may share it), `port` which of its ports is asked, and
    `parts` which of its process trees count for memory and CPU time. `field` is the form field, None for a raw body.
    """

    name: str
    title: str
    server: str
    port: str = "http"
    path: str = "/predict"
    field: str | None = "file"
    read: Callable[[bytes | str], Boxes] = plain_boxes
    parts: tuple[str, ...] = ("server",)
    ours: bool = False
    exact: bool = True  # whether the reference's boxes are expected to the letter
    quick: bool = False  # whether it takes part in --quick
    fixed: Shape | None = None  # its workers and threads when they are the point; 0 threads: ultralytics' own choice

    def target(self, ports: dict[str, int]) -> Target:
        """Return where its pictures go, given its server's ports."""
        return Target(ports[self.port], self.path, self.field)


GATEWAY = {"port": "gateway", "read": gateway_boxes, "parts": ("torchserve", "gateway"), "ours": True}
DIRECT = {
    "port": "inference",
    "path": "/predictions/yolo",
    "field": None,
    "read": torchserve_boxes,
    "parts": ("torchserve",),
    "ours": True,
}

ALL = (
    Contestant("fastapi_yolo", "FastAPI + YOLO(best.pt).predict", "fastapi_yolo", quick=True),
    Contestant(
        "litserve_default", "LitServe + YOLO(best.pt), one worker (its default)", "litserve_default", fixed=Shape(1, 0)
    ),
    Contestant("litserve_yolo", "LitServe + YOLO(best.pt)", "litserve_yolo", quick=True),
    Contestant(
        "litserve_openvino", "LitServe + Ultralytics' OpenVINO export", "litserve_openvino", exact=False, quick=True
    ),
    Contestant(
        "litserve_openvino_dynamic",
        "LitServe + Ultralytics' OpenVINO export, dynamic=True",
        "litserve_openvino_dynamic",
        exact=False,
    ),
    Contestant("litserve_openvino_f32", "LitServe + the same export, made to compute in f32", "litserve_openvino_f32"),
    Contestant("bentoml_yolo", "BentoML + YOLO(best.pt)", "bentoml_yolo"),
    Contestant(
        "torchserve_plain",
        "TorchServe + handler with YOLO.predict",
        "torchserve_plain",
        path="/predictions/plain",
        field=None,
    ),
    Contestant("stack_direct", "This stack, TorchServe called directly", "stack", **DIRECT),
    Contestant("stack_gateway", "This stack, through the gateway", "stack", quick=True, **GATEWAY),
    Contestant(
        "stack_auto_gateway",
        "This stack with PRECISION=auto, through the gateway",
        "stack_auto",
        exact=False,
        **GATEWAY,
    ),
    Contestant("stack_int8_direct", "This stack int8, TorchServe called directly", "stack_int8", exact=False, **DIRECT),
    Contestant(
        "stack_int8_gateway", "This stack int8, through the gateway", "stack_int8", exact=False, quick=True, **GATEWAY
    ),
)
BASELINE = "litserve_yolo"
#: Only where OpenVINO's own choice of precision is not f32: elsewhere they are the contestant above them.
PRECISION_TWINS = ("litserve_openvino_f32", "stack_auto_gateway")


def choose(only: list[str] | None, quick: bool, int8: bool) -> list[Contestant]:
    """Return who takes part. Raises ValueError naming the choice when `only` has an unknown name."""
    offered = [one for one in ALL if int8 or one.server != "stack_int8"]
    if only:
        unknown = sorted(set(only) - {one.name for one in offered})
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; choose from {', '.join(one.name for one in offered)}")
        return [one for one in offered if one.name in only]
    return [one for one in offered if one.quick or not quick]


def servers(contestants: list[Contestant]) -> list[str]:
    """Return the servers they need, each once, in order."""
    return list(dict.fromkeys(one.server for one in contestants))
