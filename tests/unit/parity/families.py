"""Small models of every family and task, with random weights made to behave: built from ultralytics' own yaml files.

Fresh weights give scores that are all but equal, so nothing they find can be compared. Here batch normalisation is
calibrated on a picture and the score layers are rescaled, so that scores spread like a trained model's and ties vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics import RTDETR, YOLO

from yolo.letterbox import Pixels

IMGSZ = 320


@dataclass(frozen=True)
class Family:
    """One model: its yaml, and whether its end-to-end head is exported."""

    name: str
    yaml: str
    end2end: bool = False

    def __str__(self) -> str:
        return self.name


DETECT = [
    Family("v8", "yolov8n.yaml"),
    Family("11", "yolo11n.yaml"),
    Family("12", "yolo12n.yaml"),
    Family("26", "yolo26n.yaml"),
    Family("26-end2end", "yolo26n.yaml", end2end=True),
    Family("v10", "yolov10n.yaml"),
    Family("rtdetr", "yolov8n-rtdetr.yaml"),
]
SEGMENT = [
    Family("v8-seg", "yolov8n-seg.yaml"),
    Family("26-seg", "yolo26n-seg.yaml"),
]
POSE = [
    Family("11-pose", "yolo11n-pose.yaml"),
    Family("26-pose-end2end", "yolo26n-pose.yaml", end2end=True),
]
OBB = [
    Family("11-obb", "yolo11n-obb.yaml"),
    Family("26-obb-end2end", "yolo26n-obb.yaml", end2end=True),
]
CLASSIFY = [Family("11-cls", "yolo11n-cls.yaml")]


def save(family: Family, path: Path, pictures: Sequence[Pixels]) -> Path:
    """Build the family's model and save it as a checkpoint.

    `pictures` are letterboxed (H, W, 3) BGR arrays like those that will be inferred: on others the scores may saturate.
    """
    torch.manual_seed(7)
    model = RTDETR(family.yaml) if "rtdetr" in family.yaml else YOLO(family.yaml, verbose=False)
    network: Any = model.model
    rgb = [np.ascontiguousarray(picture[..., ::-1]) for picture in pictures]
    views: list[torch.Tensor] = [torch.from_numpy(picture).permute(2, 0, 1)[None] / 255 for picture in rgb]
    with torch.no_grad():
        for module in network.modules():
            module.training = isinstance(module, torch.nn.BatchNorm2d)
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the average over all pictures
                module.reset_running_stats()
        for view in views:
            network(torch.cat([view, view.flip(3)]))
        network.eval()
        for module in network.modules():
            if type(module).__name__ in ("Attention", "AAttn"):
                module.qkv.bn.weight.mul_(0.3)  # else attention saturates, and magnifies the last bit of a float
        tame(network, views)
    torch.save({"model": network, "train_args": {"imgsz": IMGSZ, "task": model.task}}, path)
    return path


def tame(network: Any, views: Sequence[torch.Tensor]) -> None:
    """Rescale the layers that speak for the head.

    Class logits get mean -4, and 1.5 at the highest, so that no score saturates. Logits of boxes, masks, keypoints and
    angles get deviation 1: larger ones make every softmax over them a coin toss between two engines' roundings.
    """
    head = network.model[-1]
    scores = [head.linear] if type(head).__name__ == "Classify" else list(getattr(head, "dec_score_head", []))
    others = []
    for prefix in ("", "one2one_"):
        scores += [block[-1] for block in getattr(head, f"{prefix}cv3", None) or []]
        for name in ("cv2", "cv4", "cv4_kpts"):
            blocks = getattr(head, prefix + name, None) or []
            last = [block[-1] if isinstance(block, torch.nn.Sequential) else block for block in blocks]
            others += [layer for layer in last if isinstance(layer, torch.nn.Conv2d)]
    seen: dict[Any, list[torch.Tensor]] = {layer: [] for layer in (*scores, *others)}
    hooks = [layer.register_forward_hook(lambda m, _, output: seen[m].append(output.flatten())) for layer in seen]
    for view in views:
        network(view)
    for hook in hooks:
        hook.remove()
    for layer, outputs in seen.items():
        if outputs:  # a decoder's inner layers only speak in training
            logits = torch.cat(outputs)
            centre = logits.mean()
            gain = 5.5 / (logits.max() - centre) if layer in scores else 1 / logits.std()
            layer.weight.mul_(gain)
            layer.bias.sub_(centre).mul_(gain).sub_(4 if layer in scores else 0)
