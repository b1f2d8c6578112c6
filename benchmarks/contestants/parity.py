"""Do two lists of boxes say the same? Compared before anything is timed: a wrong answer is no fast answer.

A box is `{"xyxy": [x1, y1, x2, y2], "conf": c, "cls": n}`, corners in the picture's pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Box = Mapping[str, Any]

STRICT_IOU = 0.9
STRICT_CONF = 0.01
LOOSE_IOU = 0.5


@dataclass(frozen=True)
class Parity:
    """Agreement over all pictures.

    `expected` and `found` count boxes, without those on the confidence threshold that only one side has; `matched`
    those of one class at IoU ≥ .9 with confidences within .01; `loose` those of one class at IoU ≥ .5. `conf` is the
    mean and `pixels` the greatest difference among the loosely matched.
    """

    expected: int
    found: int
    matched: int
    loose: int
    conf: float
    pixels: float

    @property
    def exact(self) -> bool:
        """Every box has its match, on both sides."""
        return self.matched == self.expected == self.found

    @property
    def usable(self) -> bool:
        """At least nine of ten boxes are there, loosely: the same model, whatever its arithmetic."""
        return self.loose >= 0.9 * max(self.expected, self.found)


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two (x1, y1, x2, y2) boxes; 0 when both are empty."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def area(box: Sequence[float]) -> float:
    """Return the area of a box, 0 when its corners are crossed."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def pairs(expected: Sequence[Box], found: Sequence[Box], least: float) -> list[tuple[int, int]]:
    """Match boxes of one class one to one, best overlap first; return (expected, found) indices with IoU ≥ `least`."""
    candidates = sorted(
        (
            (iou(one["xyxy"], other["xyxy"]), i, j)
            for i, one in enumerate(expected)
            for j, other in enumerate(found)
            if one["cls"] == other["cls"]
        ),
        reverse=True,
    )
    left, right, chosen = set(range(len(expected))), set(range(len(found))), []
    for overlap, i, j in candidates:
        if overlap >= least and i in left and j in right:
            left.remove(i)
            right.remove(j)
            chosen.append((i, j))
    return chosen


def compare(expected: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]], threshold: float) -> Parity:
    """Compare the boxes of several pictures. `threshold` is the confidence that both were asked for.

    A box that only one side has, within .01 of the threshold, is nobody's mistake and not counted.
    """
    totals = {"expected": 0, "found": 0, "matched": 0, "loose": 0}
    differences: list[float] = []
    pixels = 0.0
    for one, other in zip(expected, found, strict=True):
        loose = pairs(one, other, LOOSE_IOU)
        in_one, in_other = {i for i, _ in loose}, {j for _, j in loose}
        totals["expected"] += sum(counts(box, i in in_one, threshold) for i, box in enumerate(one))
        totals["found"] += sum(counts(box, j in in_other, threshold) for j, box in enumerate(other))
        totals["loose"] += len(loose)
        for i, j in loose:
            difference = abs(one[i]["conf"] - other[j]["conf"])
            differences.append(difference)
            pixels = max(pixels, *(abs(a - b) for a, b in zip(one[i]["xyxy"], other[j]["xyxy"], strict=True)))
            strict = iou(one[i]["xyxy"], other[j]["xyxy"]) >= STRICT_IOU and difference <= STRICT_CONF
            totals["matched"] += strict
    mean = sum(differences) / len(differences) if differences else 0.0
    return Parity(**totals, conf=mean, pixels=pixels)


def counts(box: Box, matched: bool, threshold: float) -> bool:
    """Tell whether a box counts: matched, or far enough from the threshold to be missed."""
    return matched or box["conf"] >= threshold + STRICT_CONF


def same_answers(first: Sequence[Sequence[Box]], under_load: Mapping[int, Sequence[Box]]) -> int:
    """Return for how many pictures the answer under load differs from the answer to a lone request."""
    return sum(
        len(first[picture]) != len(boxes) or len(pairs(first[picture], boxes, STRICT_IOU)) != len(boxes)
        for picture, boxes in under_load.items()
    )
