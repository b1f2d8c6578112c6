"""`nms` as torchvision has it: greedy, by falling score; a box goes when its IoU with a kept one is above the limit."""

import numpy as np
import torch
from ultralytics.utils.nms import TorchNMS

# The matrix of all IoUs is quick while it is small; more boxes than any picture has at serving thresholds go elsewhere.
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
    rivals = shared > iou_threshold * (areas[:, None] + areas[None] - shared)
    gone = np.zeros(count, dtype=bool)
    kept = []
    for index in range(count):
        if not gone[index]:
            kept.append(index)
            gone |= rivals[index]
    return order[torch.as_tensor(kept, dtype=torch.int64)]
