"""Instance masks of a segmentation model, as polygons."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from yolo import letterbox
from yolo.letterbox import Floats, Geometry

Mask = tuple[npt.NDArray[np.uint8], int, int]


def crop(coefficients: Floats, prototypes: Floats, boxes: Floats, shape: tuple[int, int]) -> list[Mask]:
    """Return every box's mask as (pixels 0/1, left, top): the part inside the box, in the input's frame.

    `coefficients` is (N, M), `prototypes` (M, h, w), `boxes` (N, 4) corners in the input's pixels, `shape` the input's
    (height, width). The mask is enlarged to the input's size before it is cropped, as in Ultralytics: cropping
    first would blur its edge over the border of the box.
    """
    depth, rows, columns = prototypes.shape
    logits = coefficients @ prototypes.reshape(depth, -1)
    masks: list[Mask] = []
    for flat, (x1, y1, x2, y2) in zip(logits, boxes.tolist(), strict=True):
        left, right = (min(max(math.ceil(x), 0), shape[1]) for x in (x1, x2))
        top, bottom = (min(max(math.ceil(y), 0), shape[0]) for y in (y1, y2))
        full = cv2.resize(flat.reshape(rows, columns), shape[::-1], interpolation=cv2.INTER_LINEAR)
        masks.append(((full[top:bottom, left:right] > 0).astype(np.uint8), left, top))
    return masks


def polygons(mask: Mask, geometry: Geometry) -> list[list[list[float]]]:
    """Return the outer outlines of a mask as polygons [[x, y], …] in the source's pixels, clipped to it.

    Holes and outlines of fewer than three points are omitted.
    """
    pixels, left, top = mask
    if not pixels.size:
        return []
    outlines = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top))[0]
    outlines = [outline.reshape(-1, 2) for outline in outlines if len(outline) >= 3]
    if not outlines:
        return []
    points = letterbox.to_source(np.concatenate(outlines).astype(np.float32), geometry)
    ends = np.cumsum([len(outline) for outline in outlines[:-1]])
    return [polygon.tolist() for polygon in np.split(points.astype(np.float64).round(2), ends)]
