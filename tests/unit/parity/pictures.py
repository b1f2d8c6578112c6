"""Generated pictures, (H, W, 3) BGR, and their bytes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

Picture = np.ndarray[Any, Any]


def noise(width: int, height: int, seed: int = 0) -> Picture:
    """Coloured blobs rather than pixel noise, so that a resize does not average everything to grey."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (max(height // 16, 1), max(width // 16, 1), 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def png(picture: Picture) -> bytes:
    """The picture as PNG, so that what is decoded is exactly what was drawn."""
    return cv2.imencode(".png", picture)[1].tobytes()


EXTREMES = {
    "1x1": noise(1, 1),
    "2x3": noise(2, 3),
    "5000x20": noise(5000, 20),
    "20x5000": noise(20, 5000),
    "1x3000": noise(1, 3000),
    "31x31": noise(31, 31),
    "32x32": noise(32, 32),
    "33x33": noise(33, 33),
    "31x33": noise(31, 33),
    "640x640": noise(640, 640),
    "641x639": noise(641, 639),
    "639x641": noise(639, 641),
    "671x640": noise(671, 640),
    "all white": np.full((480, 640, 3), 255, dtype=np.uint8),
    "all black": np.zeros((300, 301, 3), dtype=np.uint8),
}
# For the random-weight models, which are many.
FEW = [EXTREMES[name] for name in ("1x1", "5000x20", "31x33", "641x639", "all white")]
