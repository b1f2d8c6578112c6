"""From raw head output to the kept detections: Ultralytics' `non_max_suppression`, in numpy.

Boxes are in the input's pixels. All numbers stay float32, class offsets included: at class 79 the offset leaves a
coordinate a resolution of 1/16 pixel, and the reference decides on those numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from yolo.letterbox import Floats

Indices: TypeAlias = npt.NDArray[np.intp]

MAX_CANDIDATES = 30_000
CLASS_OFFSET = 7680.0


def candidates(
    prediction: Floats, classes: int, conf: float, wanted: Sequence[int] | None = None, multi_label: bool = False
) -> Floats:
    """Return the candidate anchors as rows [box 4, score, class, extras], highest score first.

    `prediction` is one image's (4 + classes + extras, anchors); the box columns are copied as they are. Only an
    anchor's best class counts, or with `multi_label` each of its classes; its score must be strictly above `conf`, its
    class among `wanted` if given. At most 30 000 rows. Equal scores keep the anchors' order.
    """
    scores = prediction[4 : 4 + classes]
    chosen = np.flatnonzero(scores.max(axis=0) > conf)
    if multi_label:
        places, best = np.nonzero(conf < scores[:, chosen].T)
        chosen = chosen[places]
    columns = prediction[:, chosen].T
    if not multi_label:
        best = columns[:, 4 : 4 + classes].argmax(axis=1)
    rows = np.empty((len(chosen), columns.shape[1] - classes + 2), dtype=np.float32)
    rows[:, :4] = columns[:, :4]
    rows[:, 4] = np.take_along_axis(columns[:, 4 : 4 + classes], best[:, None], axis=1)[:, 0]
    rows[:, 5] = best
    rows[:, 6:] = columns[:, 4 + classes :]
    if wanted is not None:
        rows = rows[np.isin(best, wanted)]
    return rows[np.argsort(-rows[:, 4], kind="stable")[:MAX_CANDIDATES]]


def corners(xywh: Floats) -> Floats:
    """Convert (N, 4) boxes [centre x, centre y, width, height] into [x1, y1, x2, y2]."""
    half = xywh[:, 2:] / 2
    return np.concatenate((xywh[:, :2] - half, xywh[:, :2] + half), axis=1)


def offsets(rows: Floats, agnostic: bool) -> Floats:
    """Return (N, 1) shifts that separate the classes, all 0 when `agnostic`."""
    return rows[:, 5:6] * np.float32(0.0 if agnostic else CLASS_OFFSET)


def suppress(boxes: Floats, iou: float, limit: int) -> Indices:
    """Greedy NMS over (N, 4) corner boxes sorted by score: indices of at most `limit` kept boxes, in order.

    A box is removed when its IoU with a kept one is strictly above `iou`, as in torchvision. The undefined IoU of two
    boxes without area removes neither.
    """
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    order = np.arange(len(boxes))
    kept: list[int] = []
    with np.errstate(invalid="ignore", divide="ignore"):
        while order.size and len(kept) < limit:
            first, order = int(order[0]), order[1:]
            kept.append(first)
            width = np.minimum(x2[first], x2[order]) - np.maximum(x1[first], x1[order])
            height = np.minimum(y2[first], y2[order]) - np.maximum(y1[first], y1[order])
            shared = width.clip(min=0) * height.clip(min=0)
            overlap = shared / (areas[first] + areas[order] - shared)
            order = order[~(overlap > np.float32(iou))]
    return np.array(kept, dtype=np.intp)


def suppress_all(boxes: Floats, iou: float, limit: int, overlap: Callable[[Floats, Floats], Floats]) -> Indices:
    """Fast-NMS over boxes sorted by score: a box is removed when *any* higher one overlaps it, kept or not.

    Ultralytics does this for rotated boxes. `overlap` returns the (n, m) similarity of two sets of boxes. It is called
    in blocks, so that thousands of candidates do not need their whole matrix in memory.
    """
    block = 512
    kept: list[int] = []
    for start in range(0, len(boxes), block):
        rows = boxes[start : start + block]
        above = overlap(boxes[: start + len(rows)], rows) > np.float32(iou)
        higher = np.arange(start + len(rows))[:, None] < np.arange(start, start + len(rows))[None, :]
        kept.extend((start + np.flatnonzero(~(above & higher).any(axis=0))).tolist())
        if len(kept) >= limit:
            break
    return np.array(kept[:limit], dtype=np.intp)


def ranked(prediction: Floats, classes: int, limit: int, agnostic: bool) -> Floats:
    """Return the `limit` best rows [box 4, score, class, extras] of an end-to-end head, highest score first.

    `prediction` is one image's (anchors, 4 + classes + extras). As in the head's own postprocess: of the `limit`
    anchors with the best class scores, the `limit` best scores of any class, so that one anchor may appear with
    several classes. When `agnostic`, each anchor appears once, with its best class.
    """
    limit = min(limit, len(prediction))
    scores = prediction[:, 4 : 4 + classes]
    anchors = _top(scores.max(axis=1), limit)
    scores = scores[anchors]
    if agnostic:
        places, labels = np.arange(len(anchors)), scores.argmax(axis=1)
    else:
        places, labels = np.divmod(_top(scores.ravel(), limit), classes)
    chosen = prediction[anchors[places]]
    best = scores[places, labels][:, None]
    return np.concatenate((chosen[:, :4], best, labels[:, None].astype(np.float32), chosen[:, 4 + classes :]), axis=1)


def _top(values: Floats, limit: int) -> Indices:
    return np.argsort(-values, kind="stable")[:limit]


def final(rows: Floats, conf: float, limit: int, wanted: Sequence[int] | None = None) -> Floats:
    """Filter an end-to-end head's (N, 6 + extras) rows [box 4, score, class, extras], which need no NMS."""
    keep = rows[:, 4] > conf
    if wanted is not None:
        keep &= np.isin(rows[:, 5], wanted)
    return rows[keep][:limit]
