"""Move the second model's answer from the pixels of the crop that it saw into those of the whole image."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.detection.prediction import Detection, Prediction

_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Placement:
    """The crop's upper left corner in the whole image, and how many of its pixels one pixel of the crop is."""

    left: float
    top: float
    across: float = 1.0
    down: float = 1.0

    def point(self, x: float, y: float) -> list[float]:
        """Move a point."""
        return [round(self.left + x * self.across, _DECIMALS), round(self.top + y * self.down, _DECIMALS)]


def place(seen: Prediction, at: Placement, image: tuple[int, int]) -> Prediction:
    """Return what was seen in a crop in pixels of the whole image, whose (width, height) is ``image``.

    Boxes, ``masks``, ``keypoints`` and ``obb`` are moved; probabilities have no place, and what other model servers
    add is passed on unchanged. Raises TypeError, ValueError, KeyError or IndexError if a key is not of the form that
    its task has (:mod:`gateway.api.predict.task_schemas`).
    """
    extra = {key: _MOVES[key](value, at) if key in _MOVES else value for key, value in seen.extra.items()}
    found = [replace(one, bbox=_box(one, at)) for one in seen.detections]
    return replace(seen, detections=found, image_size=image, extra=extra)


def _box(found: Detection, at: Placement) -> Sequence[float]:
    x1, y1, x2, y2 = found.bbox
    return (*at.point(x1, y1), *at.point(x2, y2))


def _points(points: Any, at: Placement) -> list[list[float]]:
    """Move points; what stands after x and y (the confidence of a keypoint) stays."""
    return [[*at.point(x, y), *rest] for x, y, *rest in points]


def _masks(masks: Any, at: Placement) -> Any:
    return [[_points(polygon, at) for polygon in parts] for parts in masks]


def _keypoints(keypoints: Any, at: Placement) -> Any:
    return [_points(points, at) for points in keypoints]


def _oriented(boxes: Any, at: Placement) -> Any:
    return [_oriented_box(box, at) for box in boxes]


def _oriented_box(box: Mapping[str, Any], at: Placement) -> dict[str, Any]:
    x, y, width, height, angle = box["xywhr"]
    # The two factors differ by less than a pixel of the crop: it was scaled as a whole.
    factor = math.sqrt(at.across * at.down)
    size = [round(width * factor, _DECIMALS), round(height * factor, _DECIMALS)]
    return {**box, "xyxyxyxy": _points(box["xyxyxyxy"], at), "xywhr": [*at.point(x, y), *size, angle]}


_MOVES: Mapping[str, Callable[[Any, Placement], Any]] = {"masks": _masks, "keypoints": _keypoints, "obb": _oriented}
