"""A request's body: its bytes, decoded and counted as they arrive."""

from collections.abc import Callable
from io import BytesIO

from starlette.requests import Request

from gateway.errors import BodyTooLarge
from gateway.intake.content_encoding import coding_of, decompress

#: The key of a request's scope under which a layer offers to reserve memory, in bytes, until the request is answered.
RESERVE = "gateway.reserve"


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body; raise :class:`~gateway.errors.BodyTooLarge` at the first byte beyond ``max_bytes``.

    Content-Length may be absent or wrong, so the bytes are counted. A compressed body is decoded, and its decoded bytes
    are what is counted, and reserved in addition to those that arrived; raises what
    :mod:`gateway.intake.content_encoding` does.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    coding = coding_of(request.headers.get("content-encoding"))
    reserve: Callable[[int], None] | None = request.scope.get(RESERVE) if coding is not None else None
    body = BytesIO()  # not a list of chunks: joining them would hold the body twice
    chunks = request.stream()
    async for chunk in chunks if coding is None else decompress(chunks, coding):
        if body.tell() + len(chunk) > max_bytes:
            raise _too_large(max_bytes)
        if reserve is not None:
            reserve(len(chunk))
        body.write(chunk)
    return body.getvalue()


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {max_bytes} bytes ({max_bytes / 2**20:.1f} MiB), the limit.")
