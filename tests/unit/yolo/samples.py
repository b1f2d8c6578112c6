"""Generated pictures and small stand-ins that several of these tests use."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from yolo.letterbox import Floats, Pixels
from yolo.metadata import Metadata

MAX_PIXELS = 64_000_000


def metadata(**changed: Any) -> Metadata:
    """A small detection model's description."""
    fields: dict[str, Any] = {
        "version": "1.0",
        "task": "detect",
        "names": {0: "person", 1: "bus", 2: "stop sign"},
        "imgsz": (64, 64),
        "stride": 32,
        "channels": 3,
        "end2end": False,
        "head": "Detect",
        "engines": {"openvino": "openvino/model.xml", "torch": "best.pt"},
    }
    return Metadata(**{**fields, **changed})


def quadrants(width: int = 96, height: int = 64) -> Pixels:
    """An RGB picture whose four quarters differ, so that every turn and mirror of it is told apart."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    picture[height // 2 :, width // 2 :] = (255, 255, 0)
    return picture


def blobs(width: int, height: int, seed: int = 0) -> Pixels:
    """A smooth random RGB picture, which JPEG keeps nearly as it is."""
    random = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(random).resize((width, height), Image.Resampling.BICUBIC))


def encode(picture: Pixels | Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file of the format."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def turned(orientation: int) -> Image.Exif:
    """EXIF data that holds this orientation alone."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def head(boxes: list[tuple[float, float, float, float, int, float]], classes: int = 3, anchors: int = 84) -> Floats:
    """A (4 + classes, anchors) head output with these boxes [centre x, centre y, width, height, class, score]."""
    output = np.zeros((4 + classes, anchors), dtype=np.float32)
    for anchor, (x, y, width, height, cls, score) in enumerate(boxes):
        output[:4, anchor] = (x, y, width, height)
        output[4 + cls, anchor] = score
    return output


class FixedEngine:
    """An engine that answers the same boxes for every picture, and counts how it was asked."""

    name, device, precision, threads = "fixed", "CPU", "f32", 1

    def __init__(self, output: Floats, grouped: bool = False) -> None:
        self.output, self.grouped = output, grouped
        self.batches: list[tuple[int, ...]] = []

    def infer(self, batch: Pixels) -> list[Floats]:
        """Answer the fixed output once per picture."""
        self.batches.append(batch.shape)
        return [np.repeat(self.output[None], len(batch), axis=0)]
