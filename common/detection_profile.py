"""What a model finds in many images, as counts; and how far two such profiles are apart. Standard library only.

The gateway learns a profile of each version and compares the last hour with it; `drift.sh` makes one of a folder.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1
#: What is counted: objects by class and by confidence; images by the number of their objects and by their size.
CLASSES, CONFIDENCE, DETECTIONS, PIXELS = ASPECTS = ("classes", "confidence", "detections", "pixels")

#: Upper bounds of the bins.
CONFIDENCE_BOUNDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
DETECTIONS_BOUNDS = (0, 1, 2, 3, 5, 10, 20, 50, 100)
PIXELS_BOUNDS = (100_000, 300_000, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000)

#: Names of classes come with the weights and may be anything: so many of them, and so many characters of each.
MOST_CLASSES, LONGEST_NAME = 1000, 64
#: Everything rarer than this in the baseline is one bin: a share of a few images would be mostly chance.
RARE = 0.01
REST = "other"


@dataclass
class Profile:
    """Counts by aspect and bin, of a number of images."""

    images: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=lambda: {aspect: {} for aspect in ASPECTS})

    def add(self, found: Iterable[tuple[str, float]], pixels: int) -> None:
        """Count an image: the class and confidence of each object, and the size in pixels (0: unknown)."""
        self.images += 1
        number = 0
        for name, confidence in found:
            number += 1
            label = name[:LONGEST_NAME]
            if label not in self.counts[CLASSES] and len(self.counts[CLASSES]) >= MOST_CLASSES:
                label = REST
            self._count(CLASSES, label)
            self._count(CONFIDENCE, _bin(confidence, CONFIDENCE_BOUNDS))
        self._count(DETECTIONS, _bin(number, DETECTIONS_BOUNDS))
        if pixels:
            self._count(PIXELS, _bin(pixels, PIXELS_BOUNDS))

    def include(self, other: Profile) -> None:
        """Add the counts of another profile."""
        self.images += other.images
        for aspect, bins in other.counts.items():
            for label, number in bins.items():
                self._count(aspect, label, number)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {"schema": SCHEMA, "images": self.images, "counts": self.counts}

    def _count(self, aspect: str, label: str, number: int = 1) -> None:
        bins = self.counts[aspect]
        bins[label] = bins.get(label, 0) + number


def parse(document: Any) -> Profile:
    """Read what `to_json` wrote. Raises ValueError."""
    try:
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r} is unknown")
        counts = {aspect: dict(document["counts"][aspect]) for aspect in ASPECTS}
        profile = Profile(document["images"], counts)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a profile: {error}") from error
    numbers = [profile.images, *(number for bins in counts.values() for number in bins.values())]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("not a profile: a count is not a whole number")
    return profile


def stability_indexes(baseline: Profile, current: Profile) -> dict[str, float]:
    """Return the population stability index of each aspect that both profiles have.

    The index is the sum over the bins of (q - p) * ln(q / p), with the shares p of the baseline and q of now. By custom
    a value below 0.1 is no change and one above 0.25 a large one. What chance alone gives is taken off: its expectation
    is (bins - 1) * (1/n + 1/m), with n and m images: the objects of one image are alike.
    """
    chance = 1 / max(baseline.images, 1) + 1 / max(current.images, 1)
    return {
        aspect: max(_index(baseline.counts[aspect], current.counts[aspect], chance), 0.0)
        for aspect in ASPECTS
        if baseline.counts[aspect] and current.counts[aspect]
    }


def _index(baseline: Mapping[str, int], current: Mapping[str, int], chance: float) -> float:
    total = sum(baseline.values())
    frequent = [label for label, number in baseline.items() if label != REST and number >= RARE * total]
    before = [*(baseline[label] for label in frequent), 0]
    now = [*(current.get(label, 0) for label in frequent), 0]
    before[-1], now[-1] = total - sum(before), sum(current.values()) - sum(now)
    if not before[-1] and not now[-1]:
        before, now = before[:-1], now[:-1]
    # Half an object more in each bin, so that an empty one has a logarithm.
    shares = [[(number + 0.5) / (sum(numbers) + 0.5 * len(numbers)) for number in numbers] for numbers in (before, now)]
    raw: float = sum((q - p) * math.log(q / p) for p, q in zip(*shares, strict=True))
    return raw - (len(before) - 1) * chance


def _bin(value: float, bounds: tuple[float, ...]) -> str:
    index = bisect_left(bounds, value)
    return f"<={bounds[index]:g}" if index < len(bounds) else f">{bounds[-1]:g}"
