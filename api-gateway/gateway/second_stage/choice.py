"""Which detections the second model gets, and where each is cut out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from gateway.detection.classes import matching
from gateway.detection.prediction import Detection
from gateway.second_stage.crop import Rectangle, crop_around, reduction, sent_size
from gateway.second_stage.wish import Wish

#: Pixels of all crops of one image together: bounds the memory and the time that cutting them takes.
MOST_PIXELS = 32_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """The places of the chosen detections in the list, each with its crop or with the reason why it has none.

    ``left_out`` detections are of the classes that were asked for, and beyond the bounds.
    """

    crops: Mapping[int, Rectangle]
    too_small: Mapping[int, str]
    left_out: int


def choose(detections: Sequence[Detection], wish: Wish, image: tuple[int, int]) -> Choice:
    """Choose the detections of these classes with the highest confidence, within the bounds on number and pixels.

    ``image`` is the (width, height) of the upright image.
    """
    crops: dict[int, Rectangle] = {}
    too_small: dict[int, str] = {}
    pixels = left_out = 0
    for index in _of_the_classes(detections, wish.classes):
        if len(crops) + len(too_small) == wish.most:
            left_out += 1
            continue
        try:
            crop = crop_around(detections[index].bbox, wish.margin, image)
        except ValueError as reason:
            too_small[index] = str(reason)
            continue
        needed = prod(sent_size(crop, reduction(crop)))
        if pixels + needed > MOST_PIXELS:
            left_out += 1
            continue
        pixels += needed
        crops[index] = crop
    return Choice(crops, too_small, left_out)


def _of_the_classes(detections: Sequence[Detection], classes: str | None) -> Iterator[int]:
    """Yield the places of the detections of these classes, highest confidence first."""
    wanted = None
    if classes is not None:
        wanted = matching(classes, {(found.class_id, found.class_name) for found in detections})
    for index in sorted(range(len(detections)), key=lambda place: -detections[place].confidence):
        found = detections[index]
        if wanted is None or (found.class_id, found.class_name) in wanted:
            yield index
