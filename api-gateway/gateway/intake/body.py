"""A request's body: its media type and character set, and its bytes, decoded and counted as they arrive."""

from collections.abc import AsyncGenerator, Callable
from io import BytesIO

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from gateway.errors import BodyTooLarge
from gateway.intake.content_encoding import coding_of, decompress

#: The key of a request's scope under which a layer offers to reserve memory, in bytes, until the request is answered.
RESERVE = "gateway.reserve"


def media_type_of(request: Request) -> str:
    """Return the Content-Type without its parameters, in lower case; "" if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parameter_of(content_type: str, name: str) -> bytes | None:
    """Return a parameter of a Content-Type, such as ``charset``; None if it is absent."""
    return parse_options_header(content_type)[1].get(name.encode()) if ";" in content_type else None


def charset_of(content_type: str) -> str | None:
    """Return the character set that a Content-Type names; None if it names none."""
    charset = parameter_of(content_type, "charset")
    return None if charset is None else charset.decode("latin-1")


def check_declared(request: Request, max_bytes: int) -> None:
    """Raise :class:`~gateway.errors.BodyTooLarge` if Content-Length already exceeds ``max_bytes``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)


async def stream_body(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks; raise :class:`~gateway.errors.BodyTooLarge` at the first byte beyond ``max_bytes``.

    Content-Length may be absent or wrong, so the bytes are counted. A compressed body is decoded, and its decoded bytes
    are what is counted, and reserved in addition to those that arrived; raises what
    :mod:`gateway.intake.content_encoding` does.
    """
    check_declared(request, max_bytes)
    coding = coding_of(request.headers.get("content-encoding"))
    reserve: Callable[[int], None] | None = request.scope.get(RESERVE) if coding is not None else None
    chunks = request.stream()
    received = 0
    async for chunk in chunks if coding is None else decompress(chunks, coding):
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        if reserve is not None:
            reserve(len(chunk))
        yield chunk


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the whole body, whatever its content type; raises as :func:`stream_body` does."""
    return await gather(stream_body(request, max_bytes))


async def gather(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """Return the chunks as one body. Unlike a join of them, this never holds the body twice."""
    body = BytesIO()
    async for chunk in chunks:
        body.write(chunk)
    return body.getvalue()


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {max_bytes} bytes ({max_bytes / 2**20:.1f} MiB), the limit.")
