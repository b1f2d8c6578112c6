"""Pictures as the network sees them in `yolo val`: resized, and padded to the rectangle of their batch.

`yolo val` sorts the pictures by aspect ratio, takes them in batches of 16, and pads each to the rectangle of its batch
plus half a stride. `predict` and this service pad less, so boxes differ a little. A picture that is padded here and
sent with `imgsz` of its longest side passes through the service unchanged: the network gets the very input that it
gets in `yolo val`, and the boxes that come back are in the pixels of that input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ops.validate.dataset import Sample
from ops.validate.reference import ultralytics

Pixels: TypeAlias = npt.NDArray[np.uint8]

BATCH = 16
#: Half a stride around the picture.
PAD = 0.5
#: Pictures of fewer pixels on a side are left out.
LEAST_SIDE = 10


class UnreadableError(Exception):
    """A picture cannot be read; the message says why."""


@dataclass(frozen=True)
class Placement:
    """The place of a picture in what is sent: (width, height) of the picture, and its left and top border."""

    size: tuple[float, float]
    offset: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Frame:
    """What a model takes: the longest side and the stride, in pixels."""

    side: int
    stride: int

    @property
    def padded_side(self) -> int:
        """The longest side with its border."""
        return math.ceil(self.side / self.stride + PAD) * self.stride


@dataclass(frozen=True)
class Framed:
    """A picture to be sent in a rectangle of `shape` (height, width); None sends the file as it is."""

    sample: Sample
    shape: tuple[int, int] | None = None


def arrange(samples: Sequence[Sample], frame: Frame) -> tuple[list[Framed], list[str]]:
    """Return the pictures with the rectangles that `yolo val` gives them, and a line for each unreadable one."""
    sized, unreadable = [], []
    for sample in samples:
        try:
            sized.append((sample, ratio(sample.path)))
        except UnreadableError as error:
            unreadable.append(f"{sample.path}: {error}")
    ratios = np.array([found for _, found in sized])
    order = ratios.argsort()  # as Ultralytics does, so that equal ratios come in the same order
    arranged = []
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        shape = rectangle(ratios[batch].min(), ratios[batch].max(), frame)
        arranged += [Framed(sized[index][0], shape) for index in batch.tolist()]
    return arranged, unreadable


def rectangle(lowest: float, highest: float, frame: Frame) -> tuple[int, int]:
    """Return (height, width) of the rectangle for pictures whose height over width is from `lowest` to `highest`."""
    extent = (highest, 1.0) if highest < 1 else (1.0, 1 / lowest) if lowest > 1 else (1.0, 1.0)
    height, width = (math.ceil(part * frame.side / frame.stride + PAD) * frame.stride for part in extent)
    return height, width


def ratio(path: Path) -> float:
    """Return height over width of the upright picture. Raises UnreadableError."""
    try:
        with Image.open(path) as picture:
            width, height = ultralytics().data.utils.exif_size(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "it is not a picture that can be read"
        raise UnreadableError(reason) from error
    if min(width, height) < LEAST_SIDE:
        raise UnreadableError(f"{width}×{height} pixels are too few")
    return float(height / width)


def encode(framed: Framed, frame: Frame | None) -> tuple[bytes, Placement | None]:
    """Return a picture to send, and where it is in it; no placement for a file as it is. Raises UnreadableError."""
    path = framed.sample.path
    if framed.shape is None or frame is None:
        try:
            return path.read_bytes(), None
        except OSError as error:
            raise UnreadableError(str(error.strerror)) from error
    picture: Any = ultralytics().utils.patches.imread(str(path))
    if picture is None:
        raise UnreadableError("it is not a picture that can be read")
    height, width = picture.shape[:2]
    scale = frame.side / max(height, width)
    if scale != 1:
        width, height = (min(math.ceil(side * scale), frame.side) for side in (width, height))
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    letterbox = ultralytics().data.augment.LetterBox(framed.shape, auto=False, scaleup=False)
    padded: Pixels = letterbox(image=picture)
    top, left = (round((whole - side) / 2 - 0.1) for whole, side in zip(framed.shape, (height, width), strict=True))
    # PNG keeps every pixel.
    done, encoded = cv2.imencode(".png", padded, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise UnreadableError("it cannot be encoded")
    return encoded.tobytes(), Placement((width, height), (left, top))
