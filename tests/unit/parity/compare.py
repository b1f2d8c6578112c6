"""When two lists of detections are the same: 1 px, 0.01 confidence, same classes, same order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

PIXELS = 1.0
CONFIDENCE = 0.01


def theirs(results: Any) -> list[dict[str, Any]]:
    """Turn ultralytics' Results into boxes of the contract; the hull of an oriented box is clipped as ours is."""
    found = results.boxes if results.boxes is not None else results.obb
    height, width = results.orig_shape
    corners = found.xyxy.numpy().clip(0, (width, height, width, height))
    return [
        {"xyxy": corner.tolist(), "conf": float(conf), "cls": int(cls), "name": results.names[int(cls)]}
        for corner, conf, cls in zip(corners, found.conf, found.cls, strict=True)
    ]


def assert_same(
    ours: Sequence[dict[str, Any]], reference: Sequence[dict[str, Any]], conf: float = 0.25
) -> list[tuple[int, int]]:
    """Assert that both lists hold the same boxes in the same order; returns the matched (ours, reference) indices.

    A box within the tolerance of the threshold may be on one side only, and two boxes may swap places when their
    confidences are closer than the tolerance.
    """
    free = dict(enumerate(reference))
    pairs: list[tuple[int, int]] = []
    for index, box in enumerate(ours):
        alike = [
            other
            for other, candidate in free.items()
            if (candidate["cls"], candidate["name"]) == (box["cls"], box["name"])
            and abs(candidate["conf"] - box["conf"]) <= CONFIDENCE
            and _far(candidate, box) <= PIXELS
        ]
        if alike:
            best = min(alike, key=lambda other: _far(free[other], box))
            pairs.append((index, best))
            del free[best]
        else:
            assert box["conf"] <= conf + CONFIDENCE, f"the reference does not have {box}; {_nearest(box, reference)}"
    for missing in free.values():
        assert missing["conf"] <= conf + CONFIDENCE, f"only the reference has {missing}; {_nearest(missing, ours)}"
    ranks = [other for _, other in pairs]
    for place, rank in enumerate(ranks):
        for later in ranks[place + 1 :]:
            assert later > rank or reference[later]["conf"] - reference[rank]["conf"] <= CONFIDENCE, "another order"
    return pairs


def _far(first: dict[str, Any], second: dict[str, Any]) -> float:
    return float(np.abs(np.subtract(first["xyxy"], second["xyxy"])).max())


def _nearest(box: dict[str, Any], others: Sequence[dict[str, Any]]) -> str:
    if not others:
        return "the other has no box at all"
    return f"nearest of {len(others)}: {min(others, key=lambda other: _far(other, box))}"
