"""Export weights: describe the model for the archive, and convert it to OpenVINO IR. See `checkpoint` for loading."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops.packaging import checkpoint
from ops.packaging.checkpoint import ExportError
from ops.store.archive import WEIGHTS, sha256

__all__ = ["ExportError", "export", "inspect"]

IR = "openvino/model.xml"
LIBRARIES = {
    "ultralytics": "ultralytics-opencv-headless",
    "torch": "torch",
    "openvino": "openvino",
}
_RENUMBER = (
    "import torch; c = torch.load('best.pt', weights_only=False); m = c.get('ema') or c['model']; "
    "m.names = dict(enumerate(m.names.values())); torch.save(c, 'best.pt')"
)


def inspect(weights: Path) -> dict[str, Any]:
    """Load the weights and describe the model: task, names, imgsz, stride, channels, end2end, head, kpt_shape, source.

    `imgsz` is [height, width] in pixels. Raises ExportError when the file is not a YOLO checkpoint that can be served.
    """
    with checkpoint.opened(weights) as model:
        return {**_described(model, weights), "source": _source(weights)}


def export(
    weights: Path, directory: Path, *, end2end: bool = False, tell: Callable[[str], None] = lambda remark: None
) -> dict[str, Any]:
    """Write the model to `directory`/openvino/model.{xml,bin}, with dynamic batch, height and width, and run it once.

    Returns the content of `yolo.json` without `version` and `created`. `end2end` exports the head without NMS of models
    that have one (v10, 26); the default is the other head, as in Ultralytics' predict. `tell` is called with what the
    user should know. Raises ExportError when the weights are not a YOLO checkpoint that can be served, or the exported
    model does not work.
    """
    with checkpoint.opened(weights) as model:
        description = _described(model, weights, end2end, tell)
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
            raise ExportError(
                f"{weights.name} cannot be exported to OpenVINO: {checkpoint.first_line(error)}"
            ) from error
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


def _described(
    model: Any, weights: Path, end2end: bool = False, tell: Callable[[str], None] = lambda remark: None
) -> dict[str, Any]:
    """Describe the model. Raises ExportError, also for a model whose parts are not those of Ultralytics' own."""
    try:
        return _describe(model, end2end, tell)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ExportError(
            f"{weights.name} is not built like a model of Ultralytics ({checkpoint.first_line(error)}): package the "
            "best.pt of a training with Ultralytics itself"
        ) from error


def _describe(model: Any, end2end: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    network = model.model
    head = network.model[-1]
    channels = int((getattr(network, "yaml", None) or {}).get("channels", 3))
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
        "names": _names(network, head, tell),
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


def _names(network: Any, head: Any, tell: Callable[[str], None]) -> dict[str, str]:
    """Return a name for each class of the head, by its number: the given one, or the number itself.

    Like predict, it needs no name for a class, and ignores a name without one. Raises ExportError for the numbers that
    predict refuses.
    """
    from ultralytics.nn.autobackend import check_class_names

    given = getattr(network, "names", None) or {}
    numbered = dict(given if isinstance(given, dict) else enumerate(given))
    linear = getattr(head, "linear", None)  # of a classifier
    classes = int(getattr(head, "nc", 0) or getattr(linear, "out_features", 0) or len(numbered))
    if not numbered:
        names = {}
    else:
        try:
            names = check_class_names(numbered)
        except (KeyError, ValueError, TypeError) as error:
            raise ExportError(
                f"The names of its classes are numbered {', '.join(map(str, list(numbered)[:4]))}…, where {classes} "
                f"classes are numbered from 0 to {classes - 1}. Number them anew and check that each name still fits: "
                f'python -c "{_RENUMBER}"'
            ) from error
    if len(names) != classes:
        tell(
            f"the model has {classes} classes, and {len(names)} names: "
            + ("the others have their number for a name" if len(names) < classes else "the names beyond are left out")
        )
    return {str(index): class_name(names.get(index, index)) for index in range(classes)}


def _unranked(predictions: Any) -> Any:
    """Replace the head's top-k: return every anchor's row [box 4, class scores, extras]."""
    return predictions


def _imgsz(network: Any, task: str, stride: int) -> list[int]:
    """Return the [height, width] in pixels that it was trained at, rounded up to the stride as in predict.

    A checkpoint may say it as a number, a list, or the text of either.
    """
    trained = dict(getattr(network, "args", None) or {}).get("imgsz")
    sides = [int(float(side)) for side in re.findall(r"\d+(?:\.\d+)?", str(trained))][:2]
    if not sides or min(sides) < 1:
        sides = [224 if task == "classify" else 640]
    rounded = [-(-side // stride) * stride for side in sides]
    return rounded * 2 if len(rounded) == 1 else rounded


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
        raise ExportError(f"The exported model does not run: {checkpoint.first_line(error)}") from error
    if not outputs or not all(output.size and bool(np.isfinite(output).all()) for output in outputs):
        raise ExportError("The output of the exported model is not finite: did the training of these weights finish?")


def _source(weights: Path) -> dict[str, Any]:
    return {"name": weights.name, "sha256": sha256(weights), "bytes": weights.stat().st_size}
