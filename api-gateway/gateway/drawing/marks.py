"""Convert a prediction into numbers that can be drawn; invalid values are omitted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.detection.prediction import Detection, Prediction
from gateway.drawing.labels import Rectangle

Points = list[tuple[float, float]]

#: The minimum confidence of a drawn keypoint, as in Ultralytics and static/pose.js.
VISIBLE = 0.25
TOP = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """From the prediction's coordinates to the drawn image's: factors, and the drawn size in pixels."""

    across: float
    down: float
    width: int
    height: int

    def point(self, x: Any, y: Any) -> tuple[float, float]:
        """Scale a point, and keep it near the image to bound the cost of drawing. Raises ValueError if not a number."""
        x, y = float(x) * self.across, float(y) * self.down
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError("not a finite number")
        return min(max(x, -self.width), 2 * self.width), min(max(y, -self.height), 2 * self.height)


@dataclass(frozen=True, slots=True)
class Mark:
    """One detection, in pixels of the drawn image. ``corners`` are those of an oriented box, else empty."""

    name: str
    class_id: int
    confidence: float
    box: Rectangle
    corners: Points
    polygons: list[Points]
    #: None for a point that is not visible.
    keypoints: list[tuple[float, float] | None]


def marks_of(prediction: Prediction, frame: Frame) -> list[Mark]:
    """Read every detection with its ``masks``, ``keypoints`` and ``obb``; best first."""
    masks, keypoints, obb = (_list(prediction.extra.get(key)) for key in ("masks", "keypoints", "obb"))
    marks = []
    for index, found in enumerate(prediction.detections):
        if (box := _box(found, frame)) is None:
            continue
        marks.append(
            Mark(
                name=found.class_name,
                class_id=found.class_id,
                confidence=found.confidence,
                box=box,
                corners=_corners(_at(obb, index), frame),
                polygons=[polygon for part in _list(_at(masks, index)) if len(polygon := _points(part, frame)) >= 3],
                keypoints=[_keypoint(point, frame) for point in _list(_at(keypoints, index))],
            )
        )
    return marks


def most_likely(prediction: Prediction) -> list[tuple[str, int, float]]:
    """Read a classifier's ``probs``: name, class id and confidence of the five most likely; empty for other tasks."""
    found = []
    for entry in _list(prediction.extra.get("probs"))[:TOP]:
        try:
            found.append((str(entry["name"]), int(entry["cls"]), float(entry["conf"])))
        except (TypeError, KeyError, ValueError):
            continue
    return found


def _box(found: Detection, frame: Frame) -> Rectangle | None:
    try:
        x1, y1, x2, y2 = found.bbox
        (left, top), (right, bottom) = frame.point(x1, y1), frame.point(x2, y2)
    except (TypeError, ValueError):
        return None
    left, right = sorted((left, right))
    top, bottom = sorted((top, bottom))
    if right < 0 or bottom < 0 or left > frame.width or top > frame.height:
        return None
    inside_x, inside_y = frame.width - 1, frame.height - 1
    return (
        min(max(round(left), 0), inside_x),
        min(max(round(top), 0), inside_y),
        min(max(round(right), 0), inside_x),
        min(max(round(bottom), 0), inside_y),
    )


def _corners(entry: Any, frame: Frame) -> Points:
    corners = _points(entry.get("xyxyxyxy"), frame) if isinstance(entry, dict) else []
    return corners if len(corners) == 4 else []


def _points(value: Any, frame: Frame) -> Points:
    try:
        return [frame.point(x, y) for x, y in _list(value)]
    except (TypeError, ValueError):
        return []


def _keypoint(value: Any, frame: Frame) -> tuple[float, float] | None:
    try:
        x, y, *rest = value
        if rest and not float(rest[0]) >= VISIBLE:
            return None
        point = frame.point(x, y)
    except (TypeError, ValueError):
        return None
    # A point that was not found is in the corner.
    return point if point != (0.0, 0.0) else None


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else None
