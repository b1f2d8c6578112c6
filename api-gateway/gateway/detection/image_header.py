"""Read an image's header, never its pixels: its format and its size in pixels."""

from dataclasses import dataclass, field

from gateway.detection.image_size import check_decode_bytes, check_pixels
from gateway.errors import InvalidImage, UnsupportedImage
from image_formats.facts import Damaged, Facts
from image_formats.inspect import read_facts
from image_formats.memory import decode_bytes
from image_formats.sniff import SUPPORTED, sniff

#: Pillow's names of the formats that the model server reads too.
READ_FORMATS = SUPPORTED
#: How a file of a format begins whose signature is damaged: distinguishes it from another kind of file.
_BEGINNINGS = ((b"\xff\xd8", "JPEG"), (b"\x89PNG", "PNG"), (b"RIFF", "WEBP"), (b"GIF8", "GIF"))
_NAMES = {"HEIF": "HEIC"}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Pillow's name of the format, and the image's size in pixels once it is turned upright by its Exif orientation.

    ``facts`` are what else the file's structure says.
    """

    format: str
    width: int
    height: int
    facts: Facts | None = field(default=None, compare=False, repr=False)


def read_image_header(data: bytes, max_pixels: int, max_decode_bytes: int | None = None) -> ImageHeader:
    """Check the header of an encoded image, in about a millisecond at most and without decoding the pixels.

    The model server checks that the pixels decode. Raises :class:`~gateway.errors.InvalidImage` if ``data`` is empty
    or its header is cut short, damaged or built to be expensive, :class:`~gateway.errors.UnsupportedImage` if it is
    not an image in a supported format, and :class:`~gateway.errors.ImageTooLarge` beyond ``max_pixels``, or if
    decoding it takes more than ``max_decode_bytes`` of memory.
    """
    if not data:
        raise InvalidImage("The image is empty (0 bytes).")
    kind = sniff(data)
    if kind not in READ_FORMATS:
        if begun := next((name for start, name in _BEGINNINGS if data.startswith(start)), None):
            raise _damaged(begun)
        raise UnsupportedImage(f"Not an image in a supported format ({', '.join(READ_FORMATS)}).")
    try:
        facts = read_facts(kind, data)
    except Damaged as error:
        raise _damaged(kind, error) from error
    if kind == "JPEG" and facts.bits != 8:
        if 8 < facts.bits <= 16:
            raise UnsupportedImage(
                f"{facts.bits}-bit JPEG is not supported. Save the image again with 8 bits per sample."
            )
        raise _damaged(kind)
    check_pixels(facts.width, facts.height, max_pixels)
    if facts.pixels > max_pixels:
        raise _damaged(kind, Damaged("a part of it is larger than the image"))
    if max_decode_bytes is not None:
        check_decode_bytes(facts, decode_bytes(facts), max_decode_bytes)
    width, height = (facts.height, facts.width) if facts.is_sideways else (facts.width, facts.height)
    return ImageHeader(kind, width, height, facts)


def _damaged(kind: str, reason: Exception | None = None) -> InvalidImage:
    because = "." if reason is None else f": {reason}."
    name = _NAMES.get(kind, kind)
    return InvalidImage(f"The file begins like a {name} image, but its header is cut short or damaged{because}")
