"""Decode an image for drawing, and encode the annotated one."""

import io
import math
from typing import Any

from PIL import ExifTags, Image

from gateway.drawing.wanted import Format, Wanted
from image_formats.exif import read_orientation
from image_formats.facts import Facts
from image_formats.jpeg import without_metadata

#: Pillow's options: full colour resolution for thin coloured lines, and speed before size.
_OPTIONS: dict[Format, dict[str, Any]] = {
    "jpeg": {"subsampling": "4:4:4"},
    "png": {"compress_level": 3},
    "webp": {"method": 2, "use_sharp_yuv": True},
}
#: How an image with an Exif orientation is turned upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


def open_upright(
    data: bytes, facts: Facts, expected: tuple[int, int] | None, wanted: Wanted, halvings: int
) -> tuple[Image.Image, bytes | None]:
    """Decode to RGB, upright, no larger than wanted; also return the colour profile if it still applies.

    ``expected`` is the (width, height) that the model server reported; its orientation is used. A JPEG or JPEG 2000 is
    halved so many times while it is decoded, which is much faster than to decode all of it and shrink that.
    Pillow raises anything from OSError to SyntaxError on a damaged image.
    """
    if facts.format == "JPEG":
        data = without_metadata(data, facts)
    _register_heif(facts.format)
    with Image.open(io.BytesIO(data), formats=(facts.format,)) as opened:
        if facts.format == "JPEG" and halvings:
            opened.draft("RGB", (math.ceil(facts.width / 2**halvings), math.ceil(facts.height / 2**halvings)))
        elif facts.format == "JPEG2000" and halvings:
            opened.reduce = halvings  # type: ignore[method-assign, assignment]
        opened.load()
        turn = _orientation(opened, facts)
        profile = opened.info.get("icc_profile") if opened.mode == "RGB" else None
        is_as_expected = expected is not None and turn in _SIDEWAYS and _is_across(opened.size[::-1], expected)
        image: Image.Image = opened
        if turn in _TURNS and not is_as_expected:
            image = opened.transpose(_TURNS[turn])
            opened.im = image.im  # the other one is not needed any more
        image = _as_rgb(image)
    if max(image.size) > wanted.longest:
        factor = wanted.longest / max(image.size)
        target = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        image = image.resize(target, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image, profile


def encode(image: Image.Image, wanted: Wanted, profile: bytes | None) -> bytes:
    """Write the image; of the original's metadata, only the colour profile is kept."""
    out = io.BytesIO()
    image.info = {}  # Pillow would write a comment
    options = dict(_OPTIONS[wanted.format])
    if wanted.format != "png":
        options["quality"] = wanted.quality
    if profile:
        options["icc_profile"] = profile
    image.save(out, wanted.format.upper(), **options)
    return out.getvalue()


def _register_heif(kind: str) -> None:
    """Register the HEIF decoder at the first such image: loading it takes 0.1 s that most gateways never need."""
    if kind == "HEIF" and "HEIF" not in Image.OPEN:
        import pi_heif

        pi_heif.register_heif_opener()


def _orientation(image: Image.Image, facts: Facts) -> int:
    """Return the Exif orientation that is not applied yet. Pillow applies a TIFF's, libheif a HEIC's."""
    match facts.format:
        case "AVIF":  # Pillow writes the rotation of the file into Exif metadata
            orientation: int = image.getexif().get(ExifTags.Base.Orientation, 1)
            return orientation
        case "PNG" if facts.orientation == 1:  # metadata may follow the pixels
            return read_orientation(image.info.get("exif", b""))
        case "JPEG" | "PNG" | "WEBP":
            return facts.orientation
    return 1


def _is_across(size: tuple[int, int], expected: tuple[int, int]) -> bool:
    """Return whether one is landscape and the other portrait."""
    return (size[0] - size[1]) * (expected[0] - expected[1]) < 0


def _as_rgb(image: Image.Image) -> Image.Image:
    """Convert as the model server's decoder does: alpha is dropped, not blended; of 16 bits the high byte is kept."""
    if image.mode.startswith("I;16") or image.mode == "I":
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    return image if image.mode == "RGB" else image.convert("RGB")
