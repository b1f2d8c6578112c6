"""The format and the size of an image, read from its header before anything is decoded."""

from __future__ import annotations

from PIL import Image

from image_formats.facts import Damaged, Facts
from image_formats.inspect import check_body, read_facts
from image_formats.memory import decode_bytes
from image_formats.sniff import SUPPORTED, sniff
from yolo.errors import ImageTooLarge, InvalidImage, UnsupportedImage

# MAX_IMAGE_PIXELS replaces Pillow's limit: it is configurable, checked before decoding, and answers 413.
Image.MAX_IMAGE_PIXELS = None


def read(data: bytes | bytearray, max_pixels: int, max_bytes: int | None = None) -> Facts:
    """Recognise the format, check the size, and check that a decoder can be given the file.

    Raises InvalidImage (empty, not an image, or damaged), UnsupportedImage (a known format that is not supported) or
    ImageTooLarge (more than `max_pixels`, or more than `max_bytes` of memory to decode it).
    """
    if not data:
        raise InvalidImage("The image is empty: send the bytes of an image file")
    kind = sniff(data)
    if kind is None:
        raise InvalidImage("Not a supported image format: send a JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or HEIC file")
    if kind not in SUPPORTED:
        raise UnsupportedImage(f"{kind} files are not supported: send the image as JPEG, PNG or WebP")
    try:
        facts = read_facts(kind, data)
        if kind == "JPEG" and facts.bits != 8:
            raise UnsupportedImage(f"{facts.bits}-bit JPEG files are not supported: send 8 bits per sample")
        if facts.width * facts.height > max_pixels:
            raise ImageTooLarge(
                f"The image has {facts.width} x {facts.height} pixels, more than the allowed {max_pixels}: "
                "scale it down"
            )
        if facts.pixels > max_pixels:
            raise Damaged("a part of it is larger than the image")
        if max_bytes is not None and (needed := decode_bytes(facts)) > max_bytes:
            variant = f"{kind} ({facts.mode})" if facts.mode else kind
            raise ImageTooLarge(
                f"Decoding this {variant} of {facts.width} x {facts.height} pixels takes {needed / 1e6:.0f} MB of "
                f"memory, more than the allowed {max_bytes / 1e6:.0f} MB: scale it down, or send it as baseline JPEG"
            )
        check_body(facts, data)
    except Damaged as error:
        raise InvalidImage(f"The {kind} is truncated or damaged, {error}: send the whole file") from error
    return facts


def register_decoder(kind: str) -> None:
    """Register the HEIF decoder with Pillow at the first such file: loading it takes 0.1 s."""
    if kind == "HEIF" and "HEIF" not in Image.OPEN:
        import pi_heif

        pi_heif.register_heif_opener()
