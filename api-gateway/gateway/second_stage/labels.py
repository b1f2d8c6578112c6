"""What the second model saw, as labels of an annotated image."""

from dataclasses import replace

from gateway.detection.prediction import Detection, Prediction
from gateway.drawing.marks import most_likely
from gateway.second_stage.stage import Second


def label(found: Prediction, second: Second) -> Prediction:
    """Return the first model's answer with the second's best class in the name of each detection: ``car: taxi``.

    The confidence stays the first model's. Boxes and masks of the second model are not drawn.
    """
    detections = list(found.detections)
    for index, outcome in second.outcomes.items():
        if isinstance(outcome.seen, Prediction) and (best := _best_class(outcome.seen)):
            detections[index] = _renamed(detections[index], best)
    return replace(found, detections=detections)


def _best_class(seen: Prediction) -> str:
    """Return the name of the most likely class, or of the detection with the highest confidence; "" for none."""
    if likely := most_likely(seen):
        return likely[0][0]
    best = max(seen.detections, key=lambda found: found.confidence, default=None)
    return "" if best is None else best.class_name


def _renamed(found: Detection, best: str) -> Detection:
    return replace(found, class_name=f"{found.class_name}: {best}")
