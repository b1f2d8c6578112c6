"""`nms` as in torchvision: greedy, by descending score; a box is removed if its IoU with a kept one exceeds a limit."""

import numpy as np
import torch
from ultralytics.utils.nms import TorchNMS

# The matrix of all IoUs is quick while it is small. No image has more boxes than this at serving thresholds.
MATRIX_LIMIT = 1024


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Return the indices of the (N, 4) xyxy boxes that are kept, highest score first."""
    count = boxes.shape[0]
    if count == 0 or count > MATRIX_LIMIT:
        return TorchNMS.nms(boxes, scores, iou_threshold)
    order = scores.argsort(stable=True, dim=0, descending=True)
    sorted_boxes = boxes[order].numpy()
    low, high = sorted_boxes[:, :2], sorted_boxes[:, 2:]
    size = (high - low).clip(min=0)
    areas = size[:, 0] * size[:, 1]
    overlap = (np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])).clip(min=0)
    shared = overlap[..., 0] * overlap[..., 1]
    overlapping = shared > iou_threshold * (areas[:, None] + areas[None] - shared)
    removed = np.zeros(count, dtype=bool)
    kept = []
    for index in range(count):
        if not removed[index]:
            kept.append(index)
            removed |= overlapping[index]
    return order[torch.as_tensor(kept, dtype=torch.int64)]
