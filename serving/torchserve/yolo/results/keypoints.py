"""Keypoints of a pose model."""

from __future__ import annotations

import numpy as np

from yolo import letterbox
from yolo.letterbox import Floats, Geometry


def place(extras: Floats, shape: tuple[int, int], geometry: Geometry) -> list[list[list[float]]]:
    """Return, for every box, its keypoints as [x, y] or [x, y, confidence] in the source's pixels, clipped to it.

    `extras` is (N, K·D) in the input's pixels, `shape` (K, D) with D = 3 where the model gives confidences.
    """
    points = extras.reshape(-1, *shape)
    placed = np.empty(points.shape, dtype=np.float64)
    placed[..., :2] = letterbox.to_source(np.ascontiguousarray(points[..., :2]), geometry)
    placed[..., :2] = placed[..., :2].round(2)
    placed[..., 2:] = points[..., 2:].astype(np.float64).round(4)
    rounded: list[list[list[float]]] = placed.tolist()
    return rounded
