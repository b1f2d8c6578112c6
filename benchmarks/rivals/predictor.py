"""What a tutorial does with Ultralytics, shared by all rivals: load, predict with the defaults, boxes as lists.

As quick as the public interface allows: no logging per image, one conversion to Python for all boxes. Each image adds
a byte to INFERRED_FILE: the benchmark sees how many were inferred, whether their clients waited or not.
"""

from __future__ import annotations

import os

import cv2
import numpy as np
import torch
from ultralytics import YOLO

CONF = 0.25
IOU = 0.7
MAX_DET = 300
COUNTER = open(os.environ["INFERRED_FILE"], "ab", buffering=0) if "INFERRED_FILE" in os.environ else None  # noqa: PTH123, SIM115


def load() -> YOLO:
    """Load the model that MODEL names (a .pt, or an export's folder) and predict once, so that everything is loaded.

    Ultralytics chooses torch's number of threads in its first prediction (all CPUs but one, at most eight). THREADS,
    set afterwards, is this worker's number; 0 keeps Ultralytics' choice.
    """
    if os.environ.get("PRECISION") == "f32":
        ask_for_f32()
    model = YOLO(os.environ["MODEL"], task="detect")
    for shape in ((640, 640, 3), (480, 640, 3), (640, 480, 3)):
        model.predict(np.full(shape, 114, dtype=np.uint8), verbose=False)
    threads = int(os.environ["THREADS"])
    if threads:
        torch.set_num_threads(threads)
    return model


def ask_for_f32() -> None:
    """Make OpenVINO compute in f32 where its default is another precision. Ultralytics has no option for that.

    For the one contestant that shows the effect of the precision.
    """
    import openvino

    compile_model = openvino.Core.compile_model

    def in_f32(self, model, device_name=None, config=None):
        return compile_model(self, model, device_name, {**(config or {}), "INFERENCE_PRECISION_HINT": "f32"})

    openvino.Core.compile_model = in_f32


def decode(data: bytes) -> np.ndarray:
    """Decode an image's bytes into (H, W, 3) BGR, which `predict` takes without another conversion."""
    return cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)


def detect(model: YOLO, image: np.ndarray) -> list[dict]:
    """Return the boxes, highest confidence first, corners in the image's pixels."""
    result = model.predict(image, conf=CONF, iou=IOU, max_det=MAX_DET, verbose=False)[0]
    if COUNTER:
        COUNTER.write(b".")
    names = result.names
    return [
        {"xyxy": [x1, y1, x2, y2], "conf": conf, "cls": int(cls), "name": names[int(cls)]}
        for x1, y1, x2, y2, conf, cls in result.boxes.data.tolist()
    ]
