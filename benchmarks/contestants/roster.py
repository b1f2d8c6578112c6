"""The contestants: how an image is sent to each, and how its answer is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.load.target import Target
from benchmarks.plan import Shape

Boxes = list[dict[str, Any]]


def rival_boxes(body: bytes | str) -> Boxes:
    """Read a rival's answer: the list of boxes itself."""
    return list(json.loads(body))


def torchserve_boxes(body: bytes | str) -> Boxes:
    """Read the answer of this stack's TorchServe: a list with one entry per image."""
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

    `server` names the server to run, by default the contestant's own name; several contestants may share one. Images go
    to its port `port`, as the form field `field` or as a raw body. `parts` are the server's process trees that count
    for memory and CPU time.
    """

    name: str
    title: str
    server: str
    port: str = "http"
    path: str = "/predict"
    field: str | None = "file"
    read: Callable[[bytes | str], Boxes] = rival_boxes
    parts: tuple[str, ...] = ("server",)
    ours: bool = False
    exact: bool = True  # whether exactly the reference's boxes are expected
    quick: bool = False  # whether it takes part in --quick
    fixed: Shape | None = None  # set where the shape is what distinguishes it; 0 threads is Ultralytics' own choice

    def target(self, ports: dict[str, int]) -> Target:
        """Return where its images go, given its server's ports."""
        return Target(ports[self.port], self.path, self.field)


def rival(name: str, title: str, **settings: Any) -> Contestant:
    """Return a contestant with a server of its own."""
    return Contestant(name, title, name, **settings)


def stack_direct(name: str, title: str, server: str, **settings: Any) -> Contestant:
    """Return this stack with TorchServe called directly."""
    return Contestant(
        name, title, server, "inference", "/predictions/yolo", None, torchserve_boxes, ("torchserve",), True, **settings
    )


def stack_gateway(name: str, title: str, server: str, **settings: Any) -> Contestant:
    """Return this stack called through the gateway."""
    parts = ("torchserve", "gateway")
    return Contestant(name, title, server, "gateway", read=gateway_boxes, parts=parts, ours=True, **settings)


EXPORT = "LitServe + Ultralytics' OpenVINO export"
ALL = (
    rival("fastapi_yolo", "FastAPI + YOLO(best.pt).predict", quick=True),
    rival("litserve_default", "LitServe + YOLO(best.pt), one worker (its default)", fixed=Shape(1, 0)),
    rival("litserve_yolo", "LitServe + YOLO(best.pt)", quick=True),
    rival("litserve_openvino", EXPORT, exact=False, quick=True),
    rival("litserve_openvino_dynamic", f"{EXPORT}, dynamic=True", exact=False),
    rival("litserve_openvino_f32", "LitServe + the same export, made to compute in f32"),
    rival("bentoml_yolo", "BentoML + YOLO(best.pt)"),
    rival("torchserve_plain", "TorchServe + handler with YOLO.predict", path="/predictions/plain", field=None),
    stack_direct("stack_direct", "This stack, TorchServe called directly", "stack"),
    stack_gateway("stack_gateway", "This stack, through the gateway", "stack", quick=True),
    stack_gateway(
        "stack_auto_gateway", "This stack with PRECISION=auto, through the gateway", "stack_auto", exact=False
    ),
    stack_direct("stack_int8_direct", "This stack int8, TorchServe called directly", "stack_int8", exact=False),
    stack_gateway("stack_int8_gateway", "This stack int8, through the gateway", "stack_int8", exact=False, quick=True),
)
BY_NAME = {one.name: one for one in ALL}
BASELINE = "litserve_yolo"
#: Those that are overloaded, unless others are named: this stack and the usual servers of the same weights.
OVERLOADED = ("stack_gateway", "litserve_yolo", "bentoml_yolo", "fastapi_yolo")
#: They race only where OpenVINO's own choice of precision is not f32: elsewhere they equal the contestant above them.
PRECISION_TWINS = ("litserve_openvino_f32", "stack_auto_gateway")


def choose(only: list[str] | None, quick: bool, int8: bool, overload: bool = False) -> list[Contestant]:
    """Return the contestants of a race, or of an overload.

    Raises ValueError, which lists the names, when `only` has another one.
    """
    offered = [one for one in ALL if int8 or one.server != "stack_int8"]
    if only:
        unknown = sorted(set(only) - {one.name for one in offered})
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; choose from {', '.join(one.name for one in offered)}")
        return [one for one in offered if one.name in only]
    if overload:
        return [BY_NAME[name] for name in OVERLOADED if BY_NAME[name].quick or not quick]
    return [one for one in offered if one.quick or not quick]


def servers_of(contestants: list[Contestant]) -> list[str]:
    """Return the servers that the contestants need, each once, in order."""
    return list(dict.fromkeys(one.server for one in contestants))
