"""The result for one image."""

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
    #: What a task adds to a box (``mask``, ``keypoints``…): passed on unchanged.
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The result for one image; ``detections`` are sorted by confidence, highest first, and may be empty."""

    detections: Sequence[Detection]
    #: Width and height of the upright image in pixels, or None if the model server does not say.
    image_size: tuple[int, int] | None
    model_name: str
    model_version: str | None
    task: str | None
    #: Milliseconds by stage as the model server measured them; ``total`` is all of its time.
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    #: What a task adds to the result (``probs`` of a classifier…): passed on unchanged.
    extra: Mapping[str, Any] = field(default_factory=dict)

    def all_timings(self, total_ms: float) -> dict[str, float]:
        """Return milliseconds by stage; ``model_server`` is the model server's total, ``total`` the gateway's."""
        timings = dict(self.timings_ms)
        if "total" in timings:
            timings["model_server"] = timings.pop("total")
        timings["total"] = round(total_ms, 2)
        return timings
