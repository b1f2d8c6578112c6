"""What a request asks of the second stage, and its bounds."""

from dataclasses import dataclass

DEFAULT_MARGIN = 0.1
#: Detections of one image that are given to the second model, unless the request says otherwise, and at most.
DEFAULT_MOST, MOST = 16, 64


@dataclass(frozen=True, slots=True)
class Wish:
    """The second model, and which detections it gets.

    ``classes`` is a list as :mod:`gateway.detection.classes` reads it; None is every class. ``margin`` is added on each
    side of a box, as a share of its longer side. ``conf`` is the least confidence of the second model's detections;
    None is its default. ``most`` bounds the detections that it gets.
    """

    model: str
    classes: str | None = None
    margin: float = DEFAULT_MARGIN
    conf: float | None = None
    most: int = DEFAULT_MOST
