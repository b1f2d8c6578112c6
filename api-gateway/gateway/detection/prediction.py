"""What was found in one picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found. ``bbox`` is x1, y1, x2, y2 in pixels of the upright original; ``confidence`` is in [0, 1]."""

    confidence: float
    class_name: str
    class_id: int
    bbox: Sequence[float]
    #: What a task adds to a box (``mask``, ``keypoints``…): passed on as it is.
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one picture; ``detections`` are sorted by confidence, highest first, and may be empty."""

    detections: Sequence[Detection]
    #: Width and height of the upright picture in pixels, or None if the model server does not say.
    image_size: tuple[int, int] | None
    model_name: str
    model_version: str | None
    task: str | None
    #: Milliseconds by stage as the model server measured them; ``total`` is its own whole.
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    #: What a task adds to the whole answer (``probs`` of a classifier…): passed on as it is.
    extra: Mapping[str, Any] = field(default_factory=dict)
