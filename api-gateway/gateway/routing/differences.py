"""How a candidate's answer differs from the stable version's: boxes missing, extra and moved. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.detection.prediction import Detection, Prediction

#: Overlap from which two boxes of a class are the same object, and below which that object's box has moved.
SAME, UNMOVED = 0.5, 0.9
#: Matching is done between requests: of answers with thousands of boxes only the surest are compared.
MOST_BOXES = 300

Box = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """Numbers of boxes. A classifier's likeliest class that changed is one missing and one extra."""

    missing: int
    extra: int
    moved: int

    def __add__(self, other: "Differences") -> "Differences":
        """Add up."""
        return Differences(self.missing + other.missing, self.extra + other.extra, self.moved + other.moved)


def compare(stable: Prediction, candidate: Prediction) -> Differences:
    """Match the boxes of two answers to one picture, class by class, the surest first."""
    if not stable.detections and not candidate.detections:
        changed = int(_likeliest(stable) != _likeliest(candidate))
        return Differences(changed, changed, 0)
    ours, theirs = _by_class(stable.detections), _by_class(candidate.detections)
    total = Differences(0, 0, 0)
    for name in ours.keys() | theirs.keys():
        total += _match(ours.get(name, ()), theirs.get(name, ()))
    return total


def iou(one: Box, other: Box) -> float:
    """Return intersection over union of two boxes x1, y1, x2, y2; 1 for two equal boxes, also without area."""
    if one == other:
        return 1.0
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return shared / (areas - shared)


def _by_class(detections: Sequence[Detection]) -> dict[str, list[Box]]:
    found: dict[str, list[Box]] = {}
    for detection in detections[:MOST_BOXES]:  # sorted by confidence
        found.setdefault(detection.class_name, []).append(tuple(detection.bbox))
    return found


def _match(ours: Sequence[Box], theirs: Sequence[Box]) -> Differences:
    free = sorted(theirs)
    lefts = [box[0] for box in free]
    matched = moved = 0
    for box in ours:
        # Two boxes that share half of what they cover begin within a width of each other: the rest need no look.
        width = box[2] - box[0]
        near = range(bisect_left(lefts, box[0] - width), bisect_right(lefts, box[0] + width / 2))
        best = max(near, key=lambda place: iou(box, free[place]), default=None)
        if best is None or (overlap := iou(box, free[best])) < SAME:
            continue
        matched += 1
        moved += overlap < UNMOVED
        del free[best], lefts[best]
    return Differences(len(ours) - matched, len(theirs) - matched, moved)


def _likeliest(prediction: Prediction) -> object:
    probs = prediction.extra.get("probs")
    first = probs[0] if isinstance(probs, Sequence) and probs else None
    return first.get("name") if isinstance(first, dict) else first
