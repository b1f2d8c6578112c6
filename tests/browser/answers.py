"""What the fake model server answers in this ring, and where that must then be seen."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.browser.visit import Visit
from tests.gateway.support.fake_torchserve import Answer

RED, GREEN = "#ff4d5e", "#19c37d"  # colours.js: classes 0 and 3
LEFT_LIMB = "#40c8ff"  # pose.js
PERSON = {"xyxy": [100.0, 150.0, 300.0, 500.0], "conf": 0.9, "cls": 0, "name": "person"}
DOG = {"xyxy": [450.0, 200.0, 700.0, 420.0], "conf": 0.6, "cls": 3, "name": "dog"}
FOUND = "2 objects: 1 dog, 1 person"


def answer(*boxes: dict[str, Any], size: tuple[int, int] = (800, 600), **extra: Any) -> Answer:
    body = {
        "boxes": list(boxes),
        "task": "detect",
        "image": {"width": size[0], "height": size[1]},
        "model": {"name": "yolo", "version": "1.0"},
        "timings_ms": {"decode": 5.31, "letterbox": 0.3, "infer": 59.02, "nms": 0.5, "total": 65.2},
        **extra,
    }
    return Answer([body])


def assert_box(visit: Visit, colour: str, xyxy: list[float], width: int, label: float = 20) -> None:
    """The colour soon begins and ends where the box does, in CSS pixels; its label may stand up to `label` above it.

    Soon, not at once: an image that changed its size gets its boxes anew with one of the next frames.
    """
    end = time.monotonic() + 10
    while True:
        try:
            return _assert_box_now(visit, colour, xyxy, width, label)
        except AssertionError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def _assert_box_now(visit: Visit, colour: str, xyxy: list[float], width: int, label: float) -> None:
    seen = visit.extent(colour)
    assert seen is not None, "no box of this colour"
    scale = visit.frame()["width"] / width
    x1, y1, x2, y2 = (value * scale for value in xyxy)
    assert seen[0] == pytest.approx(x1, abs=2)
    assert y1 - label <= seen[1] <= y1 + 2
    assert seen[2] == pytest.approx(x2, abs=2)
    assert seen[3] == pytest.approx(y2, abs=2)
