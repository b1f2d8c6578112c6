"""Oriented boxes: their similarity for NMS, and their corners.

A box is [centre x, centre y, width, height, angle], the angle in radians, clockwise in the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from yolo.letterbox import Floats

_TINY = np.float32(1e-7)


def probiou(first: Floats, second: Floats) -> Floats:
    """Return the (N, M) probabilistic IoU of (N, 5) and (M, 5) boxes seen as Gaussians: arxiv.org/abs/2106.06072."""
    a1, b1, c1 = (part[:, None] for part in _covariance(first))
    a2, b2, c2 = (part[None, :] for part in _covariance(second))
    dx, dy = first[:, 0][:, None] - second[:, 0][None, :], first[:, 1][:, None] - second[:, 1][None, :]
    spread = (a1 + a2) * (b1 + b2) - (c1 + c2) ** 2
    distance = ((a1 + a2) * dy**2 + (b1 + b2) * dx**2) / (spread + _TINY) * np.float32(0.25)
    distance += (c1 + c2) * -dx * dy / (spread + _TINY) * np.float32(0.5)
    volumes = np.sqrt((a1 * b1 - c1**2).clip(min=0) * (a2 * b2 - c2**2).clip(min=0))
    distance += np.log(spread / (4 * volumes + _TINY) + _TINY) * np.float32(0.5)
    similarity: Floats = 1 - np.sqrt(1 - np.exp(-distance.clip(_TINY, 100.0)) + _TINY)
    return similarity


def corners(boxes: Floats) -> Floats:
    """Return the (N, 4, 2) corner points of (N, 5) boxes."""
    centre, (width, height, angle) = boxes[:, :2], (boxes[:, index : index + 1] for index in (2, 3, 4))
    along = np.concatenate((width / 2 * np.cos(angle), width / 2 * np.sin(angle)), axis=1)
    across = np.concatenate((-height / 2 * np.sin(angle), height / 2 * np.cos(angle)), axis=1)
    points = (centre + along + across, centre + along - across, centre - along - across, centre - along + across)
    return np.stack(points, axis=1)


def describe(boxes: Floats, points: Floats) -> list[dict[str, Any]]:
    """Return every oriented box as its four corners and as centre, size and angle (radians), in the source's pixels."""
    corner_lists = points.astype(np.float64).round(2).tolist()
    placed = boxes.astype(np.float64)
    placed[:, :4] = placed[:, :4].round(2)
    placed[:, 4] = placed[:, 4].round(4)
    return [{"xyxyxyxy": four, "xywhr": five} for four, five in zip(corner_lists, placed.tolist(), strict=True)]


def _covariance(boxes: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the terms a, b, c of each box's covariance matrix [[a, c], [c, b]]."""
    wide: Floats = boxes[:, 2] ** 2 / np.float32(12)
    high: Floats = boxes[:, 3] ** 2 / np.float32(12)
    cos: Floats = np.cos(boxes[:, 4])
    sin: Floats = np.sin(boxes[:, 4])
    return wide * cos**2 + high * sin**2, wide * sin**2 + high * cos**2, (wide - high) * cos * sin
