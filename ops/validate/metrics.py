"""mAP of detections on labelled pictures, with Ultralytics' validators and metrics; here only the numbers are moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ops.errors import OpsError
from ops.predict.coco import extra
from ops.validate.dataset import Floats, Sample
from ops.validate.pictures import Placement
from ops.validate.reference import ultralytics

Numbers: TypeAlias = npt.NDArray[np.float64]

TASKS = ("detect", "segment", "pose", "obb")
#: Lowest confidence of a detection that counts, of oriented boxes and of all others; `yolo val` has the same.
CONF_OBB, CONF = 0.01, 0.001
IOU = 0.7
MAX_DET, MOST_DETECTIONS = 300, 3000


@dataclass(frozen=True)
class Row:
    """A line of the table: precision and recall at the confidence of the best mean F1, and the two mAP."""

    name: str
    images: int
    instances: int
    precision: float
    recall: float
    map50: float
    map50_95: float

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Result:
    """The figures of all classes together, and of each class that has a label."""

    total: Row
    classes: Sequence[Row]


def query(task: str, most_objects: int = 0, side: int | None = None) -> dict[str, str]:
    """Return the parameters of a prediction that `yolo val` would make. `side` is the longest side of the network.

    As there, `max_det` is raised for pictures with more objects. Raises OpsError for a task without boxes.
    """
    if task not in TASKS:
        raise OpsError(f"a {task} model has no boxes to validate; this is for {', '.join(TASKS)}")
    parameters = {
        "conf": str(CONF_OBB if task == "obb" else CONF),
        "iou": str(IOU),
        "max_det": str(min(max(MAX_DET, most_objects), MOST_DETECTIONS)),
        "multi_label": "true",
    }
    return parameters if side is None else {**parameters, "imgsz": str(side)}


class Metrics:
    """Takes the answer for one picture after the other, in any order."""

    def __init__(self, task: str, names: Mapping[int, str]) -> None:
        import torch

        models = ultralytics().models.yolo
        kind = models.obb.OBBValidator if task == "obb" else models.detect.DetectionValidator
        # Its constructor is for whole runs, and imports torchvision; comparing boxes needs two of its attributes.
        self._validator = object.__new__(kind)
        self._validator.iouv = torch.linspace(0.5, 0.95, 10)
        self._validator.niou = 10
        self._metrics = ultralytics().utils.metrics.DetMetrics(dict(names))
        self._oriented = task == "obb"
        self._names = names
        self.pictures = 0

    def add(self, sample: Sample, answer: Mapping[str, Any], placement: Placement | None) -> None:
        """Count the answer of the gateway for a picture. Without a placement the file itself was sent."""
        import torch

        if placement is None:
            placement = Placement((answer["image"]["width"], answer["image"]["height"]))
        # As there, labels of classes that the model does not have are ignored.
        known = sample.classes < len(self._names)
        labels = sample.classes[known]
        found = answer["detections"]
        classes = np.array([one["class_id"] for one in found], dtype=np.float32)
        truth = {"cls": torch.from_numpy(labels), "bboxes": torch.from_numpy(self._truth(sample, placement)[known])}
        given = {"cls": torch.from_numpy(classes), "bboxes": torch.from_numpy(self._boxes(answer))}
        self._metrics.update_stats(
            {
                **self._validator._process_batch(given, truth),
                "target_cls": labels,
                "target_img": np.unique(labels),
                "conf": np.array([one["confidence"] for one in found], dtype=np.float32),
                "pred_cls": classes,
                "im_name": str(sample.path),
            }
        )
        self.pictures += 1

    def result(self) -> Result:
        """Compute the figures. Raises OpsError without a picture."""
        if not self.pictures:
            raise OpsError("no picture was answered, so there is nothing to measure")
        metrics = self._metrics
        metrics.process()
        rows = [
            Row(
                self._names[index],
                int(metrics.nt_per_image[index]),
                int(metrics.nt_per_class[index]),
                *map(float, metrics.class_result(place)),
            )
            for place, index in enumerate(metrics.ap_class_index)
        ]
        total = Row("all", self.pictures, int(metrics.nt_per_class.sum()), *map(float, metrics.mean_results()))
        return Result(total, rows)

    def _truth(self, sample: Sample, placement: Placement) -> Floats:
        size, offset = np.array(placement.size, np.float32), np.array(placement.offset, np.float32)
        if not self._oriented:
            centres, halves = sample.boxes[:, :2] * size + offset, sample.boxes[:, 2:] * size / 2
            return np.concatenate((centres - halves, centres + halves), axis=1)
        if len(sample.outlines) != len(sample.classes):
            raise OpsError(f"{sample.path}: its labels are upright boxes; the model finds oriented ones (four corners)")
        corners = [outline * size + offset for outline in sample.outlines]
        turned = ultralytics().utils.ops.xyxyxyxy2xywhr(corners)
        return np.asarray(turned, dtype=np.float32).reshape(-1, 5)

    def _boxes(self, answer: Mapping[str, Any]) -> Floats:
        if self._oriented:
            rows = [extra(dict(answer), "obb", index)["xywhr"] for index in range(len(answer["detections"]))]
            return np.array(rows, dtype=np.float32).reshape(-1, 5)
        return np.array([one["bbox"] for one in answer["detections"]], dtype=np.float32).reshape(-1, 4)
