"""Read the picture out of a request: a multipart field or the raw body, counted while it streams in."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from gateway.errors import (
    BodyTooLarge,
    InvalidForm,
    InvalidImage,
    MissingFile,
    TooManyFiles,
    UnsupportedMediaType,
    printable,
)

FIELD = "file"
#: A form of ours has one file and a handful of parameters; beyond this it is not meant for us.
MAX_FILES, MAX_FIELDS, MAX_FIELD_BYTES = 16, 64, 64 * 1024
_SHOWN_NAMES = 8


@dataclass(frozen=True, slots=True)
class Upload:
    """An encoded picture as it came, and the form's text fields in order (none for a raw body)."""

    image: bytes
    fields: tuple[tuple[str, str], ...] = ()


async def read_upload(request: Request, max_bytes: int) -> Upload:
    """Take the picture from the form field ``file`` or, with an image content type or none, from the body itself.

    Raises :class:`~gateway.errors.BodyTooLarge` as soon as the declared or counted size passes ``max_bytes``,
    :class:`~gateway.errors.UnsupportedMediaType` for other content types, and for forms
    :class:`~gateway.errors.InvalidForm`, :class:`~gateway.errors.MissingFile` or :class:`~gateway.errors.TooManyFiles`.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _read_form(request, max_bytes)
    # No content type at all is what `curl -T picture.jpg` sends; the header check decides what it is.
    if media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
        body = b"".join([chunk async for chunk in _counted(request, max_bytes)])
        if not body:
            raise InvalidImage("The body is empty (0 bytes). Send a form with the field 'file', or the picture itself.")
        return Upload(body)
    raise UnsupportedMediaType(
        f"Content-Type {printable(media_type)} is not taken. Send a multipart form with the picture in the field "
        f"'{FIELD}' (curl -F {FIELD}=@picture.jpg), or the picture itself as image/jpeg, image/png and the like."
    )


async def _counted(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Pass the body on and stop at the first byte too many: Content-Length may be absent, or a lie."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


async def _read_form(request: Request, max_bytes: int) -> Upload:
    _, options = parse_options_header(request.headers["content-type"])
    if not options.get(b"boundary"):
        raise InvalidForm
    form = await _parse_form(request.headers, _counted(request, max_bytes), max_bytes)
    try:
        files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
        fields = tuple((name, value) for name, value in form.multi_items() if isinstance(value, str))
        wanted = [value for name, value in files if name == FIELD]
        if not wanted:
            raise MissingFile(_what_is_missing([name for name, _ in files], [name for name, _ in fields]))
        if len(files) > 1:
            raise TooManyFiles(
                f"The form has {len(files)} files; send one picture per request, in the field '{FIELD}'."
            )
        return Upload(await wanted[0].read(), fields)
    finally:
        await form.close()


async def _parse_form(headers: Headers, stream: AsyncGenerator[bytes, None], max_bytes: int) -> FormData:
    parser = MultiPartParser(headers, stream, max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    # Starlette spools files over 1 MB to disk; ours fit in memory, as the body's size is bounded.
    parser.spool_max_size = max_bytes + 1
    try:
        return await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise TooManyFiles from error
        raise InvalidForm from error


def _what_is_missing(files: list[str], texts: list[str]) -> str:
    expected = f"Expected the picture in the form field '{FIELD}' (curl -F {FIELD}=@picture.jpg)"
    if FIELD in texts:
        return f"{expected}; '{FIELD}' came as text, not as a file. With curl, put an @ before the path."
    received = [printable(name) for name in dict.fromkeys([*files, *texts])]
    if not received:
        return f"{expected}; the form has no fields."
    more = f" and {len(received) - _SHOWN_NAMES} more" if len(received) > _SHOWN_NAMES else ""
    return f"{expected}; received {', '.join(received[:_SHOWN_NAMES])}{more}."


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is larger than {max_bytes} bytes ({max_bytes / 2**20:.1f} MiB), the most that is taken."
    )
