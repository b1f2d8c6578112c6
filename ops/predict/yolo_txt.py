"""Detections as Ultralytics' label files: a line each, in fractions of the upright picture.

detect `class x y width height` (centre), segment `class x1 y1 x2 y2 …` (the largest outline), pose the box and then
`x y confidence` of each point, OBB the four corners; with `confidence`, that at the end. Classify: `confidence name`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ops.predict.coco import extra


def label(body: dict[str, Any], confidence: bool = False) -> bytes:
    """Return the content of the file; empty if nothing was found. Raises OSError for an answer without a size."""
    if body.get("task") == "classify":
        return "".join(f"{one['conf']:.4f} {one['name']}\n" for one in body.get("probs", ())).encode()
    try:
        width, height = body["image"]["width"], body["image"]["height"]
    except (KeyError, TypeError) as error:
        raise OSError("the answer does not say how large the picture is") from error
    lines = []
    for index, found in enumerate(body["detections"]):
        numbers = _place(body, index, found, width, height)
        tail = f" {found['confidence']:.6g}" if confidence else ""
        lines.append(f"{found['class_id']} {' '.join(f'{number:.6g}' for number in numbers)}{tail}\n")
    return "".join(lines).encode()


def _place(body: dict[str, Any], index: int, found: dict[str, Any], width: int, height: int) -> list[float]:
    if (corners := extra(body, "obb", index)) and corners.get("xyxyxyxy"):
        return _fractions(corners["xyxyxyxy"], width, height)
    if polygons := extra(body, "masks", index):
        return _fractions(max(polygons, key=_area), width, height)
    x1, y1, x2, y2 = found["bbox"]
    place = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]
    for x, y, *rest in extra(body, "keypoints", index) or ():
        place += [x / width, y / height, *rest]
    return place


def _fractions(points: Sequence[Sequence[float]], width: int, height: int) -> list[float]:
    return [value for x, y in points for value in (x / width, y / height)]


def _area(points: Sequence[Sequence[float]]) -> float:
    following = [*points[1:], *points[:1]]
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(points, following, strict=True))) / 2
