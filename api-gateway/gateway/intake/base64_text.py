"""An image as base64 text, or as a data: URL of it."""

import base64
import binascii

from gateway.detection.image_size import check_bytes
from gateway.errors import InvalidBase64


def decode_base64(text: str, max_bytes: int) -> bytes:
    """Decode base64 or a base64 ``data:`` URL strictly (RFC 4648), after a check of its size.

    Raises :class:`~gateway.errors.InvalidBase64`, or :class:`~gateway.errors.BodyTooLarge` beyond ``max_bytes``.
    """
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise InvalidBase64("A data: URL must contain base64: data:image/jpeg;base64,…")
    check_bytes(len(text) // 4 * 3 - 2, max_bytes)
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidBase64(f"{InvalidBase64.default} In a shell: base64 -w0 image.jpg") from error
