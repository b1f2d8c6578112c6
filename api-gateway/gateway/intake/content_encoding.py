"""Content-Encoding of a request: gzip and deflate are decoded as the body arrives, into bounded pieces."""

import asyncio
import zlib
from collections.abc import AsyncGenerator

from gateway.errors import InvalidRequest, UnsupportedMediaType, printable

#: Bytes decoded at a time: a small compressed body can be a thousand times as large.
_PIECE = 2**17
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's numbers of the formats
_CODINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}


def coding_of(declared: str | None) -> int | None:
    """Return the coding that a Content-Encoding header names, None for none.

    Raises :class:`~gateway.errors.UnsupportedMediaType` for any but gzip and deflate.
    """
    name = (declared or "").strip().lower()
    if name in ("", "identity"):
        return None
    if name not in _CODINGS:
        raise UnsupportedMediaType(
            f"Content-Encoding {printable(name)} is not supported; send the body as it is, or with gzip or deflate. "
            "Images are compressed already."
        )
    return _CODINGS[name]


async def decompress(chunks: AsyncGenerator[bytes, None], coding: int) -> AsyncGenerator[bytes, None]:
    """Yield the decoded body in pieces of at most 128 KiB; whoever reads them stops at the limit.

    Raises :class:`~gateway.errors.InvalidRequest` if the body is damaged, cut short, or continues after its end.
    """
    inflater = None
    waiting = b""
    async for chunk in chunks:
        waiting += chunk
        if inflater is None:
            if len(waiting) < 2:
                continue
            inflater = zlib.decompressobj(_format_of(waiting, coding))
        piece = None
        while waiting or (piece is not None and len(piece) == _PIECE):
            if inflater.eof:
                raise _damaged()
            try:
                piece = inflater.decompress(waiting, _PIECE)
            except zlib.error as error:
                raise _damaged() from error
            waiting = inflater.unconsumed_tail or inflater.unused_data
            if piece:
                yield piece
            if waiting:
                await asyncio.sleep(0)  # a small chunk may become a hundred megabytes
            elif inflater.eof:
                break
    if inflater is None or not inflater.eof:
        raise _damaged()


def _format_of(start: bytes, coding: int) -> int:
    """Tell the two meanings of ``deflate`` apart: with zlib's header (RFC 9110), or without, as some send it."""
    if coding == _ZLIB and (start[0] & 0x0F != 8 or int.from_bytes(start[:2], "big") % 31):
        return _RAW
    return coding


def _damaged() -> InvalidRequest:
    return InvalidRequest("The body is not what its Content-Encoding says: it is damaged, cut short, or goes on.")
