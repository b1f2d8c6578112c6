"""The memory that drawing on an image takes, and how to keep it within a limit.

The figures are bytes per pixel at the highest point, measured with 16 megapixels of each variant. An image is 4 bytes
per pixel once it is decoded to Pillow's RGB.
"""

import math
from dataclasses import dataclass

from gateway.detection.image_size import describe
from gateway.drawing.wanted import Format, Wanted
from gateway.errors import ImageTooLarge
from image_formats.facts import Facts
from image_formats.memory import row_bytes

#: Of variants that Pillow decodes in Python.
_MOST_SLOW_PIXELS = 1_000_000
_RGB = 4.0
#: While the image is decoded and converted to RGB.
_DECODED: dict[str, float] = {
    "JPEG": 4.3,
    "PNG": 4.3,
    "WEBP": 17.2,
    "BMP": 8.2,
    "TIFF": 10.2,
    "GIF": 9.2,
    "AVIF": 12.2,
    "HEIF": 12.2,
    "PPM": 10.2,
}
_JPEG2000, _JPEG2000_SAMPLE = 5.2, 5.0
#: Grey or with a palette; with an alpha channel or in CMYK; of 16 bits; while it is turned upright, when there are two.
_GREY, _FOUR_CHANNELS, _DEEP, _DEEP_AVIF, _TURNED = 5.2, 8.2, 10.2, 18.2, 8.2
#: While it is encoded, and what the encoded one may take: per pixel of the annotated image, which is in memory as well.
_ENCODED: dict[Format, float] = {"jpeg": 1, "png": 3.5, "webp": 8}
_BEST_QUALITY, _BEST_ENCODED = 95, 3.0


@dataclass(frozen=True, slots=True)
class Purpose:
    """What an image is decoded for, and what a client can do instead: the words of an error."""

    doing: str
    instead: str


DRAWING = Purpose("Drawing on", "ask for JSON")


@dataclass(frozen=True, slots=True)
class Plan:
    """How often the image is halved while it is decoded, and the bytes of memory that drawing then takes."""

    halvings: int
    needed: int


def plan_drawing(facts: Facts, wanted: Wanted, most: int, purpose: Purpose = DRAWING) -> Plan:
    """Choose the largest size within ``most`` bytes. JPEG and JPEG 2000 can be decoded smaller, other formats cannot.

    Raises :class:`~gateway.errors.ImageTooLarge` if it cannot be drawn within them.
    """
    if facts.is_slow and facts.pixels > _MOST_SLOW_PIXELS:
        raise ImageTooLarge(
            f"{purpose.doing} a {describe(facts)} of more than {_MOST_SLOW_PIXELS} pixels is not supported. Send it as "
            f"JPEG or PNG, or {purpose.instead}."
        )
    ratio = max(facts.width, facts.height) / wanted.longest
    first = min(facts.halvings, max(0, math.floor(math.log2(ratio))))
    for halvings in range(first, facts.halvings + 1):
        needed = _needed(facts, wanted, halvings)
        if needed <= most:
            return Plan(halvings, needed)
    raise ImageTooLarge(
        f"{purpose.doing} this {describe(facts)} of {facts.width} × {facts.height} pixels takes {needed / 1e6:.0f} MB "
        f"of memory; the limit is {most / 1e6:.0f} MB. Scale it down, send it as JPEG, or {purpose.instead}."
    )


def _needed(facts: Facts, wanted: Wanted, halvings: int) -> int:
    pixels = facts.pixels / float(4**halvings)
    shrink = min(1.0, wanted.longest / max(facts.width, facts.height)) ** 2
    encoded = _ENCODED[wanted.format]
    if wanted.format != "png" and wanted.quality > _BEST_QUALITY:
        encoded += _BEST_ENCODED
    drawn = min(pixels, facts.pixels * shrink) * (_RGB + encoded)
    return round(max(facts.pixels * facts.kept + pixels * _decoded(facts), drawn)) + row_bytes(facts)


def _decoded(facts: Facts) -> float:
    if facts.format == "JPEG2000":
        return _JPEG2000 + _JPEG2000_SAMPLE * facts.samples
    per_pixel = _DECODED[facts.format]
    if facts.format in ("JPEG", "PNG"):
        if facts.bits == 16:
            per_pixel = _DEEP
        elif facts.mode.endswith("CMYK") or (facts.format == "PNG" and facts.samples in (2, 4)):
            per_pixel = _FOUR_CHANNELS
        elif facts.samples == 1:
            per_pixel = _GREY
    if facts.format == "AVIF" and facts.bits > 8:
        per_pixel = _DEEP_AVIF
    return max(per_pixel, _TURNED if facts.orientation != 1 else 0.0)
