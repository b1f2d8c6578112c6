"""A request's body: its media type, and its bytes, counted as they arrive."""

from collections.abc import AsyncGenerator

from starlette.requests import Request

from gateway.errors import BodyTooLarge


def media_type_of(request: Request) -> str:
    """Return the Content-Type without its parameters, in lower case; "" if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_declared(request: Request, max_bytes: int) -> None:
    """Raise :class:`~gateway.errors.BodyTooLarge` if Content-Length already exceeds ``max_bytes``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)


async def stream_body(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks; raise :class:`~gateway.errors.BodyTooLarge` at the first byte beyond ``max_bytes``.

    Content-Length may be absent or wrong, so the bytes are counted.
    """
    check_declared(request, max_bytes)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the whole body, whatever its content type; raises as :func:`stream_body` does."""
    return b"".join([chunk async for chunk in stream_body(request, max_bytes)])


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {max_bytes} bytes ({max_bytes / 2**20:.1f} MiB), the limit.")
