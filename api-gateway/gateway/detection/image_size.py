"""The limits on one image: its encoded size in bytes, its size in pixels, and the memory that decoding it takes."""

from gateway.errors import BodyTooLarge, ImageTooLarge
from image_formats.facts import Facts


def check_bytes(size: int, max_bytes: int) -> None:
    """Raise :class:`~gateway.errors.BodyTooLarge` for an image of more than ``max_bytes``."""
    if size > max_bytes:
        raise BodyTooLarge(f"The image is larger than {max_bytes} bytes, the limit.")


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise :class:`~gateway.errors.ImageTooLarge` for an image of more than ``max_pixels``."""
    if width * height > max_pixels:
        raise ImageTooLarge(f"The image has {width} × {height} pixels; the limit is {max_pixels}. Scale it down.")


def check_decode_bytes(facts: Facts, needed: int, most: int) -> None:
    """Raise :class:`~gateway.errors.ImageTooLarge` for an image that takes more than ``most`` bytes to decode."""
    if needed > most:
        raise ImageTooLarge(
            f"Decoding this {describe(facts)} of {facts.width} × {facts.height} pixels takes {needed / 1e6:.0f} MB of "
            f"memory; the limit is {most / 1e6:.0f} MB. Scale it down, or send it as baseline JPEG."
        )


def describe(facts: Facts) -> str:
    """Name the format, with the variant that decides what a pixel costs."""
    return f"{facts.format} ({facts.mode})" if facts.mode else facts.format
