"""Export weights: describe the model for the archive, and convert it to OpenVINO IR.

Loading a checkpoint runs code in it: only package weights whose origin you trust. Ultralytics works offline, on a copy
of the weights in a temporary folder that also holds its settings.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.store.archive import WEIGHTS, sha256

TASKS = ("detect", "segment", "pose", "obb", "classify")
IR = "openvino/model.xml"
LIBRARIES = {
    "ultralytics": "ultralytics-opencv-headless",
    "torch": "torch",
    "openvino": "openvino",
}
# Files that are often mistaken for weights, by their first bytes.
_MISTAKEN = (
    (b"<", "an HTML or XML page, not weights: the download went wrong, fetch the file again"),
    (b"version https://git-lfs", "a Git LFS pointer, not weights: run `git lfs pull` in the repository it came from"),
    (b"\x08", "an ONNX model: package the .pt it was exported from"),
)


class ExportError(Exception):
    """The weights cannot be served or exported; the message says why and what to do."""


def inspect(weights: Path) -> dict[str, Any]:
    """Load the weights and describe the model: task, names, imgsz, stride, channels, end2end, head, kpt_shape, source.

    `imgsz` is [height, width] in pixels. Raises ExportError when the file is not a YOLO checkpoint that can be served.
    """
    with _ultralytics(weights) as copy:
        return {**_describe(_load(copy, weights)), "source": _source(weights)}


def export(weights: Path, directory: Path, *, end2end: bool = False) -> dict[str, Any]:
    """Write the model to `directory`/openvino/model.{xml,bin}, with dynamic batch, height and width, and run it once.

    Returns the content of `yolo.json` without `version` and `created`. `end2end` exports the head without NMS of models
    that have one (v10, 26); the default is the other head, as in Ultralytics' predict. Raises ExportError when the
    weights are not a YOLO checkpoint that can be served, or the exported model does not work.
    """
    with _ultralytics(weights) as copy:
        model = _load(copy, weights)
        description = _describe(model, end2end)
        try:
            produced = Path(
                model.export(
                    format="openvino",
                    dynamic=True,
                    imgsz=description["imgsz"],
                    device="cpu",
                    verbose=False,
                    nms=False if description["end2end"] else None,
                )
            )
        except Exception as error:  # ultralytics passes on what the converters raise
            raise ExportError(f"{weights.name} cannot be exported to OpenVINO: {error}") from error
        target = directory / Path(IR).parent
        target.mkdir(parents=True, exist_ok=True)
        for suffix in (".xml", ".bin"):
            shutil.move(next(produced.glob(f"*{suffix}")), target / f"model{suffix}")
    _try(target / "model.xml", description)
    return {
        "format": 1,
        **description,
        "thresholds": {"conf": 0.25, "iou": 0.7, "max_det": 300},
        "engines": {"openvino": IR, "torch": WEIGHTS},
        "source": _source(weights),
        "libraries": {name: importlib.metadata.version(package) for name, package in LIBRARIES.items()},
    }


@contextlib.contextmanager
def _ultralytics(weights: Path) -> Iterator[Path]:
    """Yield a copy of the weights in a temporary folder, with ultralytics imported quietly; undo its side effects."""
    if not weights.is_file():
        raise ExportError(f"{weights} is not a file: put your weights there, or name them with --weights")
    _refuse_mistaken(weights)
    with tempfile.TemporaryDirectory(prefix="yolo-export-") as folder:
        os.environ["YOLO_AUTOINSTALL"] = "false"
        os.environ["YOLO_OFFLINE"] = "true"
        os.environ.setdefault("YOLO_CONFIG_DIR", folder)
        copy = Path(folder) / WEIGHTS
        shutil.copyfile(weights, copy)
        try:
            with _quiet():
                yield copy
        finally:
            if os.environ.get("YOLO_CONFIG_DIR") == folder:
                del os.environ["YOLO_CONFIG_DIR"]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence ultralytics, and restore the numbers of threads that it changes."""
    import cv2
    import torch

    threads, opencv_threads = torch.get_num_threads(), cv2.getNumThreads()
    omp = os.environ.get("OMP_NUM_THREADS")
    logger = logging.getLogger("ultralytics")
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of every shape that becomes a constant
            import ultralytics  # noqa: F401

            logger.setLevel(logging.ERROR)
            yield
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(opencv_threads)
        if omp is None:
            os.environ.pop("OMP_NUM_THREADS", None)


def _refuse_mistaken(weights: Path) -> None:
    with weights.open("rb") as file:
        start = file.read(256).lstrip()
    if not start:
        raise ExportError(f"{weights.name} is empty: copy or download the weights again")
    for magic, what in _MISTAKEN:
        if start.startswith(magic):
            raise ExportError(f"{weights.name} is {what}")


def _load(copy: Path, weights: Path) -> Any:
    """Return the ultralytics model of `copy`. Raises ExportError, which names the file as the user does."""
    from ultralytics import RTDETR, YOLO
    from ultralytics.nn.tasks import BaseModel, load_checkpoint

    try:
        network = load_checkpoint(copy)[0]
    except Exception as error:  # unpickling raises anything
        raise ExportError(
            f"{weights.name} cannot be loaded as a YOLO checkpoint; is it the best.pt of an Ultralytics training, "
            f"whole and undamaged? ({_first_line(error, copy)})"
        ) from error
    if not isinstance(network, BaseModel):
        raise ExportError(f"{weights.name} holds a {type(network).__name__}, not a YOLO model trained by Ultralytics")
    head = type(network.model[-1]).__name__
    model = RTDETR(copy) if head == "RTDETRDecoder" else YOLO(copy)
    if model.task not in TASKS:
        raise ExportError(f"{weights.name} is a {model.task} model; these tasks can be served: {', '.join(TASKS)}")
    return model


def _describe(model: Any, end2end: bool = False) -> dict[str, Any]:
    network = model.model
    head = network.model[-1]
    channels = int(network.yaml.get("channels", 3))
    if channels not in (1, 3):
        raise ExportError(f"The model reads {channels} channels; pictures have 1 or 3")
    stride = max(int(network.stride.max()), 32)
    keypoints = getattr(head, "kpt_shape", None) if model.task == "pose" else None
    if getattr(head, "one2one_cv2", None) is not None:
        network.end2end = end2end  # stays true if fusing has removed the other head
        if network.end2end:
            # The graph would rank 300 rows, and fail on pictures with fewer anchors; the server ranks instead.
            head.postprocess = _unranked
    elif end2end:
        raise ExportError(f"The model has no end-to-end head ({type(head).__name__}): export it without")
    return {
        "task": model.task,
        "names": {str(index): class_name(name) for index, name in model.names.items()},
        "imgsz": _imgsz(network, model.task, stride),
        "stride": stride,
        "channels": channels,
        "end2end": bool(getattr(network, "end2end", False)),
        "head": type(head).__name__,
        "kpt_shape": [int(number) for number in keypoints] if keypoints else None,
    }


def class_name(name: object) -> str:
    """Return a name without what a file of names left at its ends: blanks, carriage returns, a pair of quotes."""
    text = str(name).strip()
    for quote in ('"', "'"):
        if len(text) > 2 and text[0] == text[-1] == quote:
            text = text[1:-1].strip()
    return text


def _unranked(predictions: Any) -> Any:
    """Replace the head's top-k: return every anchor's row [box 4, class scores, extras]."""
    return predictions


def _imgsz(network: Any, task: str, stride: int) -> list[int]:
    """Return the [height, width] in pixels that it was trained at, rounded up to the stride as in predict."""
    trained = dict(getattr(network, "args", None) or {}).get("imgsz") or (224 if task == "classify" else 640)
    sides = [trained] if isinstance(trained, int) else list(trained)
    rounded = [max(-(-int(side) // stride) * stride, stride) for side in sides]
    return rounded * 2 if len(rounded) == 1 else rounded[:2]


def _try(model: Path, description: dict[str, Any]) -> None:
    """Run the exported model on a grey picture that is not square. Raises ExportError unless its output is finite."""
    import numpy as np
    import openvino as ov

    height, width = description["imgsz"]
    if description["task"] != "classify" and description["head"] != "RTDETRDecoder":
        width = max(width - description["stride"], description["stride"])
    grey = np.full((1, description["channels"], height, width), 114 / 255, dtype=np.float32)
    try:
        compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        outputs = [np.asarray(output) for output in compiled([grey]).values()]
    except RuntimeError as error:
        raise ExportError(f"The exported model does not run: {error}") from error
    if not outputs or not all(output.size and bool(np.isfinite(output).all()) for output in outputs):
        raise ExportError("The output of the exported model is not finite: did the training of these weights finish?")


def _source(weights: Path) -> dict[str, Any]:
    return {"name": weights.name, "sha256": sha256(weights), "bytes": weights.stat().st_size}


def _first_line(error: Exception, copy: Path) -> str:
    text = str(error).replace(str(copy), copy.name).splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
