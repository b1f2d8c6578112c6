"""Cut crops out of an encoded image: it is decoded once, turned upright, and each crop encoded. Use a thread."""

import io
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PIL import Image

from gateway.detection.image_header import read_image_header
from gateway.drawing.codec import open_upright
from gateway.drawing.memory import Purpose, plan_drawing
from gateway.drawing.wanted import Wanted
from gateway.errors import InvalidImage
from gateway.second_stage.crop import Rectangle, reduction, scaled
from gateway.second_stage.place import Placement
from image_formats.facts import Facts
from image_formats.inspect import check_body

CUTTING = Purpose("Cutting objects out of", "leave out 'then'")
#: What a crop takes while it is cut is less than what an annotated JPEG of the whole image takes.
AS_IF_DRAWN = Wanted("jpeg")
#: Bytes of pixels up to which a crop is sent as BMP: those of the usual input of a model, of which it sees every pixel.
#: BMP costs nothing to write or read and changes no pixel; PNG takes fifty times as long. A larger crop would only fill
#: the network: JPEG at this quality, with whole colours.
MOST_RAW = 3 * 640 * 640
QUALITY = 95


@dataclass(frozen=True, slots=True)
class Crop:
    """An encoded crop, its Pillow format and (width, height), and where in the whole image it is."""

    data: bytes
    format: str
    size: tuple[int, int]
    at: Placement


def check_cutting(facts: Facts, most_bytes: int) -> int:
    """Return the bytes of memory that cutting takes.

    Raises :class:`~gateway.errors.ImageTooLarge` if that is more than ``most_bytes``.
    """
    return plan_drawing(facts, AS_IF_DRAWN, most_bytes, CUTTING).needed


def cut(
    data: bytes, crops: Mapping[int, Rectangle], size: tuple[int, int], most_bytes: int = sys.maxsize
) -> dict[int, Crop]:
    """Return each of the crops under its key. They are in pixels of the upright image, whose (width, height) is given.

    An image that takes more than ``most_bytes`` of memory is decoded smaller, if its format allows that. Raises
    :class:`~gateway.errors.ImageTooLarge` if it does not, and :class:`~gateway.errors.InvalidImage` if Pillow cannot
    decode what the model server could.
    """
    facts = read_image_header(data, sys.maxsize).facts
    assert facts is not None  # noqa: S101 - for mypy
    plan = plan_drawing(facts, AS_IF_DRAWN, most_bytes, CUTTING)
    try:
        check_body(facts, data)
        image, _ = open_upright(data, facts, size, AS_IF_DRAWN, plan.halvings)
    except Exception as error:
        raise InvalidImage("The image cannot be decoded to cut objects out of it; send it as JPEG.") from error
    return dict(_cut(image, crops, size))


def _cut(image: Image.Image, crops: Mapping[int, Rectangle], size: tuple[int, int]) -> Iterable[tuple[int, Crop]]:
    across, down = image.width / size[0], image.height / size[1]
    for index, crop in crops.items():
        there = scaled(crop, across, down, image.size)
        factor = reduction(there)
        # At once to a fraction of its size: Pillow's resize takes as much memory again in between.
        part = image.crop(there) if factor == 1 else image.reduce(factor, there)
        width, height = part.size
        at = Placement(
            there.left / across, there.top / down, there.width / across / width, there.height / down / height
        )
        kind = "BMP" if 3 * width * height <= MOST_RAW else "JPEG"
        yield index, Crop(_encode(part, kind), kind, (width, height), at)


def _encode(part: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    part.info = {}
    options = {"quality": QUALITY, "subsampling": "4:4:4"} if kind == "JPEG" else {}
    part.save(out, kind, **options)
    return out.getvalue()
