"""From the image's pixels to the network's input and back: Ultralytics' LetterBox, to the pixel.

Two frames: the *source* is the upright image, the *input* the padded rectangle that the network sees. Python's `round`
(to even at .5) and the ∓0.1 of the paddings are those of Ultralytics; they decide where a border pixel falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]

PAD = 114


@dataclass(frozen=True, slots=True)
class Geometry:
    """The placement of one image in the network's input. Shapes are (height, width), sizes and paddings in pixels."""

    source: tuple[int, int]
    resized: tuple[int, int]
    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """The input's (height, width)."""
        return self.resized[0] + self.top + self.bottom, self.resized[1] + self.left + self.right


def fit(source: tuple[int, int], target: tuple[int, int], stride: int) -> Geometry:
    """Place an image in the smallest rectangle within `target` whose sides are multiples of `stride`.

    `source` and `target` are (height, width) in pixels. Small images are enlarged. This is
    `LetterBox(target, auto=True, stride=stride)`.
    """
    height, width = source
    ratio = min(target[0] / height, target[1] / width)
    resized = max(round(height * ratio), 1), max(round(width * ratio), 1)  # a 1×3000 image keeps one pixel
    spare_y, spare_x = (target[0] - resized[0]) % stride / 2, (target[1] - resized[1]) % stride / 2
    return Geometry(
        source,
        resized,
        top=round(spare_y - 0.1),
        bottom=round(spare_y + 0.1),
        left=round(spare_x - 0.1),
        right=round(spare_x + 0.1),
    )


def stretch(source: tuple[int, int], target: tuple[int, int]) -> Geometry:
    """Fill `target` without keeping the aspect ratio, as RT-DETR needs it: `LetterBox(target, scale_fill=True)`."""
    return Geometry(source, target, 0, 0, 0, 0)


def apply(image: Pixels, geometry: Geometry) -> Pixels:
    """Resize and pad an (H, W, C) image; returns an (h, w, C) array of `geometry.shape`, border 114."""
    height, width = geometry.resized
    if image.shape[:2] != geometry.resized:  # the image may be a reduced decode of the source
        channels = image.shape[2]
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        image = image.reshape(height, width, channels)  # OpenCV drops the axis of a single channel
    if geometry.shape == geometry.resized:
        return image
    padded = np.full((*geometry.shape, image.shape[2]), PAD, dtype=np.uint8)
    padded[geometry.top : geometry.top + height, geometry.left : geometry.left + width] = image
    return padded


def to_source(points: Floats, geometry: Geometry) -> Floats:
    """Move (..., 2k) interleaved x, y coordinates from the input's frame to the source's, clipped to the image.

    Returns a new array. Gains and paddings are derived from the two shapes as in `scale_boxes`.
    """
    gain_x, gain_y, pad_x, pad_y = _gains(geometry)
    moved = np.empty_like(points)
    height, width = geometry.source
    moved[..., 0::2] = ((points[..., 0::2] - pad_x) / gain_x).clip(0, width)
    moved[..., 1::2] = ((points[..., 1::2] - pad_y) / gain_y).clip(0, height)
    return moved


def centres_to_source(xywh: Floats, geometry: Geometry) -> Floats:
    """Move (..., 4) centre-and-size boxes to the source's frame, unclipped: `scale_boxes(xywh=True)`."""
    gain_x, gain_y, pad_x, pad_y = _gains(geometry)
    moved: Floats = xywh - np.array([pad_x, pad_y, 0, 0], dtype=np.float32)
    moved /= np.array([gain_x, gain_y, gain_x, gain_y], dtype=np.float32)
    return moved


def _gains(geometry: Geometry) -> tuple[float, float, int, int]:
    """Return (gain x, gain y, padding x, padding y) of the input over the source."""
    (height, width), (source_height, source_width) = geometry.shape, geometry.source
    gain = min(height / source_height, width / source_width)
    resized_height, resized_width = max(round(source_height * gain), 1), max(round(source_width * gain), 1)
    return (
        resized_width / source_width,
        resized_height / source_height,
        round((width - resized_width) / 2 - 0.1),
        round((height - resized_height) / 2 - 0.1),
    )
