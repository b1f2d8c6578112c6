"""The reference: Ultralytics' own predictors on the .pt, one picture at a time.

Only `predict` itself is not called, because it imports torchvision, which does not load beside a CPU-only torch. Its
steps are: `preprocess` (letterbox), the model, `postprocess` (NMS, scaling, masks, keypoints, Results).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from ultralytics.models.rtdetr import RTDETRPredictor
from ultralytics.models.yolo.classify import ClassificationPredictor
from ultralytics.models.yolo.detect import DetectionPredictor
from ultralytics.models.yolo.obb import OBBPredictor
from ultralytics.models.yolo.pose import PosePredictor
from ultralytics.models.yolo.segment import SegmentationPredictor
from ultralytics.utils.checks import check_imgsz

PREDICTORS = {
    "detect": DetectionPredictor,
    "segment": SegmentationPredictor,
    "pose": PosePredictor,
    "obb": OBBPredictor,
    "classify": ClassificationPredictor,
}


class Reference:
    """Ultralytics' predictor for one checkpoint."""

    def __init__(self, weights: Path, task: str, imgsz: int, end2end: bool = False, rtdetr: bool = False) -> None:
        threads = torch.get_num_threads()
        kind = RTDETRPredictor if rtdetr else PREDICTORS[task]
        # rect is what Model.predict sets: the smallest rectangle instead of a square.
        overrides = {"task": task, "imgsz": imgsz, "device": "cpu", "rect": True, "nms": False if end2end else None}
        self.predictor: Any = kind(overrides=overrides)
        self.predictor.setup_model(str(weights), verbose=False)
        self.end2end = end2end
        torch.set_num_threads(threads)  # selecting a device changes it

    def raw(self, picture: np.ndarray[Any, Any], imgsz: int | None = None) -> tuple[torch.Tensor, Any]:
        """Return (network input, network output) for an (H, W, 3) BGR picture."""
        predictor = self.predictor
        predictor.imgsz = check_imgsz(imgsz or predictor.args.imgsz, stride=predictor.model.stride, min_dim=2)
        with torch.inference_mode():
            if isinstance(predictor, ClassificationPredictor):
                cropped = resize_and_crop(picture, predictor.imgsz[0])
                inputs = torch.from_numpy(cropped[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
            else:
                inputs = predictor.preprocess([picture])
            return inputs, predictor.model(inputs)

    def __call__(self, picture: np.ndarray[Any, Any], **arguments: Any) -> Any:
        """Return ultralytics' Results; `arguments` are predict's conf, iou, max_det, classes, agnostic_nms, imgsz."""
        imgsz = arguments.pop("imgsz", None)
        defaults = {"conf": 0.25, "iou": 0.7, "max_det": 300, "classes": None, "agnostic_nms": False}
        for name, value in {**defaults, **arguments}.items():
            setattr(self.predictor.args, name, value)
        if self.end2end:
            args = self.predictor.args
            self.predictor.model.model.set_head_attr(max_det=max(args.max_det, 300), agnostic_nms=args.agnostic_nms)
        inputs, outputs = self.raw(picture, imgsz)
        self.predictor.batch = ([""], None, None)
        with torch.inference_mode():
            return self.predictor.postprocess(outputs, inputs, [picture])[0]


def resize_and_crop(picture: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """torchvision's Resize(size) and CenterCrop(size), step by step on the whole picture."""
    height, width = picture.shape[:2]
    resized = (size, int(size * height / width)) if width <= height else (int(size * width / height), size)
    whole = np.asarray(Image.fromarray(picture).resize(resized, Image.Resampling.BILINEAR))
    top, left = round((whole.shape[0] - size) / 2.0), round((whole.shape[1] - size) / 2.0)
    return whole[top : top + size, left : left + size]
