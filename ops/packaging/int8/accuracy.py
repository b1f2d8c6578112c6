"""What int8 costs on a labelled set: mAP of both models, measured as `validate.sh` does, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.packaging.int8 import calibration
from ops.terminal.console import say
from ops.validate import dataset, pictures, report
from ops.validate.dataset import Dataset
from ops.validate.metrics import Metrics, Result, query
from ops.validate.pictures import Frame, Framed, UnreadableError
from ops.validate.reference import ultralytics
from yolo import cpus, parameters, results
from yolo.engines import use_threads
from yolo.engines.openvino import OpenVinoEngine
from yolo.metadata import Metadata
from yolo.pipeline import Outcome, Pipeline, Request

#: How much mAP50-95 int8 may lose unless the caller says otherwise.
MAX_LOSS = 0.01


@dataclass(frozen=True)
class Labelled:
    """The set to measure on, and how much mAP50-95 may be lost."""

    data: Dataset
    max_loss: float = MAX_LOSS


@dataclass(frozen=True)
class Accuracy:
    """The figures of both models on the same set."""

    labelled: Labelled
    fp32: Result
    int8: Result

    @property
    def loss(self) -> float:
        """How much mAP50-95 int8 loses; negative where it gains."""
        return self.fp32.total.map50_95 - self.int8.total.map50_95

    @property
    def too_much(self) -> bool:
        """Whether the loss is above the bound."""
        return self.loss > self.labelled.max_loss

    def document(self, force: bool) -> dict[str, Any]:
        """Return what `yolo.json` keeps."""
        return {
            "split": self.labelled.data.split,
            "pictures": self.fp32.total.images,
            "instances": self.fp32.total.instances,
            "map50": {"fp32": round(self.fp32.total.map50, 4), "int8": round(self.int8.total.map50, 4)},
            "map50_95": {"fp32": round(self.fp32.total.map50_95, 4), "int8": round(self.int8.total.map50_95, 4)},
            "max_loss": self.labelled.max_loss,
            "forced": force and self.too_much,
        }


def prepare(file: Path, max_loss: float | None = None) -> Labelled:
    """Read the set before the weights are loaded. Raises OpsError."""
    data = dataset.read(file)
    report.warn(data.left_out)
    return Labelled(data, MAX_LOSS if max_loss is None else max_loss)


def measure(network: Path, labelled: Labelled, model: Metadata, tell: Callable[[str], None] = lambda _: None) -> Result:
    """Run an IR over the set with the modules that serve. Raises OpsError."""
    ultralytics()  # changes the number of threads
    stretched = model.head == results.RTDETR
    frame = None if stretched else Frame(max(model.imgsz), model.stride)
    threads = cpus.plan().threads
    pipeline = Pipeline(OpenVinoEngine(network, threads), model, calibration.max_pixels())
    use_threads(threads)
    wanted = parameters.parse(
        query(model.task, labelled.data.most_objects, frame.padded_side if frame else None), model
    )
    arranged = [Framed(sample) for sample in labelled.data.samples]
    if frame is not None:
        arranged, _ = pictures.arrange(labelled.data.samples, frame)
    metrics = Metrics(model.task, model.names)
    try:
        for number, framed in enumerate(arranged, 1):
            tell(f"{number} of {len(arranged)}")
            try:
                data, placement = pictures.encode(framed, frame)
            except UnreadableError:
                continue
            (outcome,) = pipeline.run([Request(data, wanted)])
            metrics.add(framed.sample, _answer(outcome, framed.sample.path), placement)
    finally:
        pipeline.close()
    return metrics.result()


def _answer(outcome: Outcome, picture: Path) -> dict[str, Any]:
    """Return an answer of the handler as the gateway writes it. Raises OpsError if the model failed."""
    if outcome.answer is None or outcome.size is None:
        raise OpsError(f"the model fails on {picture}: {outcome.error}") from outcome.error
    width, height = outcome.size
    found: list[Mapping[str, Any]] = outcome.answer["boxes"]
    detections = [{"class_id": box["cls"], "confidence": box["conf"], "bbox": box["xyxy"]} for box in found]
    return {**outcome.answer, "detections": detections, "image": {"width": width, "height": height}}


def lines(found: Accuracy) -> list[str]:
    """Return the measurement as a table for people."""
    total = found.fp32.total
    rows = [
        ("", "mAP50", "mAP50-95"),
        *(
            (name, f"{one.total.map50:.4f}", f"{one.total.map50_95:.4f}")
            for name, one in (("fp32", found.fp32), ("int8", found.int8))
        ),
        ("difference", f"{found.int8.total.map50 - total.map50:+.4f}", f"{-found.loss:+.4f}"),
    ]
    head = f"  mAP on {total.images} labelled pictures of {found.labelled.data.split} ({total.instances} objects)"
    return [head, *(f"    {name:<32}{first:>9}{second:>9}" for name, first, second in rows)]


def judge(found: Accuracy, force: bool) -> None:
    """Raise OpsError when int8 loses more than the bound, unless `force`."""
    if not found.too_much:
        return
    wrong = (
        f"int8 loses {found.loss:.4f} of mAP50-95, more than the {found.labelled.max_loss:g} that may be lost. "
        "Calibrate with more pictures, like those to be served, package without --int8, or allow more: --max-map-loss"
    )
    if not force:
        raise OpsError(f"{wrong}. To package it anyway: --force. Nothing changed")
    say(f"  {wrong}; packaged anyway because of --force")
