"""An image as base64 text, or as a data: URL of it."""

import binascii
from collections.abc import Iterator
from io import BytesIO

from gateway import strict_json
from gateway.concurrency.off_loop import run_off_loop
from gateway.detection.image_size import check_bytes
from gateway.errors import InvalidBase64

#: Bytes of text that are decoded at a time: about half a millisecond, in which no other thread runs.
_STEP = 2**18
#: A longer text is decoded in a thread, so that the event loop does not wait for it.
_SHORT = 2**19
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
#: A space is not among them: it may be a + that a form or a URL has changed.
_LINE_BREAKS = b"\t\r\n"


async def decode_image(text: str | memoryview, max_bytes: int) -> bytes:
    """Decode as :func:`decode_base64` does, off the event loop if the text is long."""
    if len(text) <= _SHORT:
        return decode_base64(text, max_bytes)
    return await run_off_loop(decode_base64, text, max_bytes)


def decode_base64(text: str | memoryview, max_bytes: int) -> bytes:
    """Decode base64 or a base64 ``data:`` URL; a memoryview is the inside of a JSON text, escapes included.

    Both alphabets of RFC 4648 are accepted, with line breaks, padded or not.
    Raises :class:`~gateway.errors.InvalidBase64`, or :class:`~gateway.errors.BodyTooLarge` beyond ``max_bytes``.
    """
    # An eighth more for line breaks and escapes.
    check_bytes(len(text) // 3 * 2 - 64, max_bytes)
    image = BytesIO()  # not a list of pieces: joining them would hold the image twice
    for piece in _decode(text):
        image.write(piece)
        check_bytes(image.tell(), max_bytes)
    return image.getvalue()


def _decode(text: str | memoryview) -> Iterator[bytes]:
    if len(text) <= _SHORT:
        try:
            image = binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            pass  # not as most clients write it
        else:
            yield image
            return
    rest = b""
    try:
        for number, piece in enumerate(_pieces(text)):
            rest += piece if number else _without_head(piece.lstrip())
            try:
                image, left = _decode_quads(rest)
            except binascii.Error:  # not the standard alphabet, or in lines
                image, left = _decode_quads(rest.translate(_TO_STANDARD, _LINE_BREAKS))
            yield image
            rest = left
        yield binascii.a2b_base64(_padded(rest.translate(_TO_STANDARD, _LINE_BREAKS)), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error, strict_json.JsonError) as error:
        raise InvalidBase64(f"{InvalidBase64.default} In a shell: base64 -w0 image.jpg") from error


def _decode_quads(text: bytes) -> tuple[bytes, bytes]:
    """Decode all but the last characters, which may have padding; return the bytes and these characters."""
    end = max(len(text) - 4, 0) // 4 * 4
    quads = text[:end]
    if b"=" in quads:
        raise binascii.Error("padding before the end")
    return binascii.a2b_base64(quads, strict_mode=True), text[end:]


def _pieces(text: str | memoryview) -> Iterator[bytes]:
    """Yield the text in pieces, without the escapes of JSON (PHP writes ``\\/`` for /, .NET ``\\u002B`` for +)."""
    position = 0
    while position < len(text):
        part = text[position : position + _STEP]
        position += len(part)
        piece = part.encode("ascii") if isinstance(part, str) else bytes(part)
        if b"\\" in piece and not isinstance(part, str):
            cut = piece.rfind(b"\\", len(piece) - 5)
            if cut > 0 and position < len(text):  # the escape may go on in the next piece
                position -= len(piece) - cut
                piece = piece[:cut]
            piece = strict_json.loads(b'"' + piece + b'"').encode("ascii")
        yield piece if position < len(text) else piece.rstrip()


def _without_head(piece: bytes) -> bytes:
    if piece[:5].lower() != b"data:":
        return piece
    head, comma, rest = piece.partition(b",")
    if not comma or not head.lower().endswith(b";base64"):
        raise InvalidBase64("A data: URL must contain base64: data:image/jpeg;base64,…")
    return rest


def _padded(rest: bytes) -> bytes:
    """Complete the last characters, whose padding must be right or absent."""
    plain = rest.rstrip(b"=")
    missing = -len(plain) % 4
    if len(rest) - len(plain) not in (0, missing):
        raise binascii.Error("wrong padding")
    return plain + b"=" * missing
