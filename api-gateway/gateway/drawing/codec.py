"""Decode an image for drawing, and encode the annotated one."""

import io
import math
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image, ImageOps

from gateway.detection.image_header import formats_of, swaps_sides

Format = Literal["jpeg", "png", "webp"]

DEFAULT_QUALITY = 90
#: The longest side that a format can hold, in pixels; longer images are drawn smaller.
LONGEST: dict[Format, int] = {"jpeg": 65_500, "png": 65_500, "webp": 16_383}
#: Pillow's options: full colour resolution for thin coloured lines, and speed before size.
_OPTIONS: dict[Format, dict[str, Any]] = {
    "jpeg": {"subsampling": "4:4:4"},
    "png": {"compress_level": 3},
    "webp": {"method": 2, "use_sharp_yuv": True},
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The annotated image's format, quality (1 to 100; PNG has none), and longest side in pixels (None: unchanged)."""

    format: Format = "jpeg"
    quality: int = DEFAULT_QUALITY
    max_side: int | None = None

    @property
    def media_type(self) -> str:
        """The Content-Type of such an image."""
        return f"image/{self.format}"


def open_upright(data: bytes, expected: tuple[int, int] | None, wanted: Wanted) -> tuple[Image.Image, bytes | None]:
    """Decode to RGB, upright, no larger than wanted; also return the colour profile if it still applies.

    ``expected`` is the (width, height) that the model server reported; its orientation is used.
    Pillow raises anything from OSError to SyntaxError on a damaged image.
    """
    with Image.open(io.BytesIO(data), formats=formats_of(data)) as opened:
        longest = min(wanted.max_side or LONGEST[wanted.format], LONGEST[wanted.format])
        scale = min(1.0, longest / max(opened.size))
        if scale < 1:
            # A JPEG can be decoded at 1/2, 1/4 or 1/8, which is much faster than to decode all of it and shrink that.
            opened.draft("RGB", (math.ceil(opened.width * scale), math.ceil(opened.height * scale)))
        opened.load()
        if not (expected is not None and swaps_sides(opened) and _is_across(opened.size[::-1], expected)):
            ImageOps.exif_transpose(opened, in_place=True)
        profile = opened.info.get("icc_profile") if opened.mode == "RGB" else None
        image = _as_rgb(opened)
    if max(image.size) > longest:
        factor = longest / max(image.size)
        target = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        image = image.resize(target, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image, profile


def encode(image: Image.Image, wanted: Wanted, profile: bytes | None) -> bytes:
    """Write the image; of the original's metadata, only the colour profile is kept."""
    out = io.BytesIO()
    options = dict(_OPTIONS[wanted.format])
    if wanted.format != "png":
        options["quality"] = wanted.quality
    if profile:
        options["icc_profile"] = profile
    image.save(out, wanted.format.upper(), **options)
    return out.getvalue()


def _is_across(size: tuple[int, int], expected: tuple[int, int]) -> bool:
    """Return whether one is landscape and the other portrait."""
    return (size[0] - size[1]) * (expected[0] - expected[1]) < 0


def _as_rgb(image: Image.Image) -> Image.Image:
    """Convert as the model server's decoder does: alpha is dropped, not blended; of 16 bits the high byte is kept."""
    if image.mode.startswith("I;16") or image.mode == "I":
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    return image if image.mode == "RGB" else image.convert("RGB")
