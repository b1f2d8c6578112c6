"""Whether two servers find the same boxes: checked before anything is timed, since a wrong answer is not a fast answer.

A box is `{"xyxy": [x1, y1, x2, y2], "conf": c, "cls": n}`, corners in the image's pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Box = Mapping[str, Any]

STRICT_IOU = 0.9
STRICT_CONF = 0.01
LOOSE_IOU = 0.5


@dataclass(frozen=True)
class Parity:
    """Agreement over all images.

    `expected` and `found` count boxes, except those near the confidence threshold that only one side has. `matched`
    counts pairs of one class with IoU ≥ .9 and confidences within .01, `loose` pairs of one class with IoU ≥ .5. `conf`
    is the mean difference of confidence of the loose pairs, `pixels` the greatest difference of a coordinate.
    """

    expected: int
    found: int
    matched: int
    loose: int
    conf: float
    pixels: float

    @property
    def exact(self) -> bool:
        """Whether every box has its match, on both sides."""
        return self.matched == self.expected == self.found

    @property
    def usable(self) -> bool:
        """Whether at least nine of ten boxes match loosely: the same model, whatever its arithmetic."""
        return self.loose >= 0.9 * max(self.expected, self.found)

    def __str__(self) -> str:
        words = f"{self.matched} of {self.expected} boxes equal"
        if self.exact:
            return words
        return f"{words} ({self.found} found, {self.loose} at IoU .5, mean |Δconf| {self.conf:.4f})"


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two (x1, y1, x2, y2) boxes; 0 when both are empty."""
    shared = area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def area(box: Sequence[float]) -> float:
    """Return the area of a box; 0 when its corners are crossed."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def match(expected: Sequence[Box], found: Sequence[Box], min_iou: float) -> list[tuple[int, int]]:
    """Match boxes of one class one to one, best overlap first. Returns (expected, found) indices with IoU ≥ min_iou."""
    candidates = sorted(
        (
            (iou(one["xyxy"], other["xyxy"]), i, j)
            for i, one in enumerate(expected)
            for j, other in enumerate(found)
            if one["cls"] == other["cls"]
        ),
        reverse=True,
    )
    pairs: list[tuple[int, int]] = []
    for overlap, i, j in candidates:
        if overlap >= min_iou and all(i != left and j != right for left, right in pairs):
            pairs.append((i, j))
    return pairs


def compare(expected: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]], threshold: float) -> Parity:
    """Compare the boxes of several images; `threshold` is the confidence that both sides were asked for.

    A box that only one side has, within .01 of the threshold, is not counted.
    """
    totals = Counter(expected=0, found=0, matched=0, loose=0)
    differences: list[float] = []
    pixels = 0.0
    for ours, theirs in zip(expected, found, strict=True):
        loose = match(ours, theirs, LOOSE_IOU)
        for side, boxes, matched in (
            ("expected", ours, {i for i, _ in loose}),
            ("found", theirs, {j for _, j in loose}),
        ):
            totals[side] += sum(
                index in matched or box["conf"] >= threshold + STRICT_CONF for index, box in enumerate(boxes)
            )
        totals["loose"] += len(loose)
        for one, other in ((ours[i], theirs[j]) for i, j in loose):
            difference = abs(one["conf"] - other["conf"])
            differences.append(difference)
            pixels = max(pixels, *(abs(a - b) for a, b in zip(one["xyxy"], other["xyxy"], strict=True)))
            totals["matched"] += iou(one["xyxy"], other["xyxy"]) >= STRICT_IOU and difference <= STRICT_CONF
    mean = sum(differences) / len(differences) if differences else 0.0
    return Parity(**totals, conf=mean, pixels=pixels)


def count_different(alone: Sequence[Sequence[Box]], under_load: Mapping[int, Sequence[Box]]) -> int:
    """Return for how many images the answer under load differs from the answer to a single request."""
    return sum(
        len(alone[image]) != len(boxes) or len(match(alone[image], boxes, STRICT_IOU)) != len(boxes)
        for image, boxes in under_load.items()
    )
