"""Geometry of the second stage: from a box to the rectangle that is cut out of the upright image."""

import math
from collections.abc import Sequence
from typing import NamedTuple

#: Pixels of the longer side of a box below which nothing can be recognised in it, and of each side of a crop.
SMALLEST = 8
#: Pixels of a crop; a larger one is reduced. Hardly any model sees more: its input has at most 2048 pixels a side.
LARGEST_PIXELS = 2048 * 2048


class Rectangle(NamedTuple):
    """Whole pixels; right and bottom are the first that are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """The width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """The height in pixels."""
        return self.bottom - self.top


def crop_around(box: Sequence[float], margin: float, image: tuple[int, int]) -> Rectangle:
    """Return the rectangle around a box ``x1, y1, x2, y2``, clipped to the image of (width, height) pixels.

    ``margin`` is added on each side, as a share of the box's longer side. A slim crop gets at least ``SMALLEST``
    pixels, if the image has so many. Raises ValueError, with the reason, for a box that is outside of the image or has
    fewer than ``SMALLEST`` pixels in it.
    """
    width, height = image
    x1, y1, x2, y2 = map(float, box)
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError("The box is not made of numbers.")
    x1, x2 = max(x1, 0.0), min(x2, float(width))
    y1, y2 = max(y1, 0.0), min(y2, float(height))
    if x2 <= x1 or y2 <= y1:
        raise ValueError("The box has no pixel of the image.")
    longer = max(x2 - x1, y2 - y1)
    if longer < min(SMALLEST, max(image)):
        raise ValueError(f"The box has {x2 - x1:.0f} × {y2 - y1:.0f} pixels; its longer side needs {SMALLEST}.")
    left, right = _widened(x1 - margin * longer, x2 + margin * longer, width)
    top, bottom = _widened(y1 - margin * longer, y2 + margin * longer, height)
    return Rectangle(left, top, right, bottom)


def reduction(crop: Rectangle) -> int:
    """Return by which whole number the sides of a crop are divided so that it has few enough pixels; mostly 1."""
    factor = max(1, math.isqrt(crop.width * crop.height // LARGEST_PIXELS))
    while math.prod(sent_size(crop, factor)) > LARGEST_PIXELS:
        factor += 1
    return factor


def sent_size(crop: Rectangle, factor: int) -> tuple[int, int]:
    """Return the width and height of a crop whose sides are divided by this number."""
    return math.ceil(crop.width / factor), math.ceil(crop.height / factor)


def scaled(crop: Rectangle, across: float, down: float, image: tuple[int, int]) -> Rectangle:
    """Return the crop on an image of another size, (width, height); it keeps at least one pixel."""
    left, right = _scaled(crop.left, crop.right, across, image[0])
    top, bottom = _scaled(crop.top, crop.bottom, down, image[1])
    return Rectangle(left, top, right, bottom)


def _widened(start: float, end: float, length: int) -> tuple[int, int]:
    """Return whole pixels from start to end within ``length``, at least ``SMALLEST`` of them if there are so many."""
    first, last = max(math.floor(start), 0), min(math.ceil(end), length)
    missing = min(SMALLEST, length) - (last - first)
    if missing > 0:
        first = min(max(first - missing // 2, 0), length - (last - first) - missing)
        last = first + min(SMALLEST, length)
    return first, last


def _scaled(start: int, end: int, factor: float, length: int) -> tuple[int, int]:
    first = min(max(round(start * factor), 0), length - 1)
    return first, min(max(round(end * factor), first + 1), length)
