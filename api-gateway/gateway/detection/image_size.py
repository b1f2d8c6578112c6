"""The limits on one image: its encoded size in bytes, and its size in pixels."""

from gateway.errors import BodyTooLarge, ImageTooLarge


def check_bytes(size: int, max_bytes: int) -> None:
    """Raise :class:`~gateway.errors.BodyTooLarge` for an image of more than ``max_bytes``."""
    if size > max_bytes:
        raise BodyTooLarge(f"The image is larger than {max_bytes} bytes, the limit.")


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise :class:`~gateway.errors.ImageTooLarge` for an image of more than ``max_pixels``."""
    if width * height > max_pixels:
        raise ImageTooLarge(f"The image has {width} × {height} pixels; the limit is {max_pixels}. Scale it down.")
