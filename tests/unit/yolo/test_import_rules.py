"""The import rules of the worker's package (docs/development.md): layers without a circle, folders of readable size."""

from __future__ import annotations

from tests.support.imports import check, crowded
from tests.support.tree import ROOT

YOLO = ROOT / "serving/torchserve/yolo"

#: From the ground up. Rooms of one layer may import each other, though never in a circle.
LAYERS = (
    ("errors", "cpus", "variables", "stage_metrics", "tracing"),
    ("settings", "metadata", "letterbox"),
    ("header", "image", "crop", "parameters", "defaults", "engines"),
    ("results",),
    ("pipeline",),
    ("requests", "logs"),
)
#: Only an engine knows the library that infers, and nothing here the server around it.
FORBIDDEN = [
    *((room, library) for layer in LAYERS for room in layer for library in ("ts", "torchvision")),
    *((room, library) for layer in LAYERS for room in layer if room != "engines" for library in ("torch", "openvino")),
]


def test_no_room_imports_one_above_it() -> None:
    assert check(YOLO, "yolo", LAYERS, FORBIDDEN) == []


def test_no_folder_is_crowded() -> None:
    assert crowded(YOLO) == []
