"""Read a request's body: a multipart form or raw bytes, counted while it streams in."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from gateway.errors import (
    BodyTooLarge,
    InvalidForm,
    MissingFile,
    TooManyFiles,
    printable,
)

FIELD = "file"
#: Where one of several may be told from the one; both are taken.
MANY_FIELD = "files"
#: A form of ours has one file and a handful of parameters; beyond this it is not meant for us.
MAX_FILES, MAX_FIELDS, MAX_FIELD_BYTES = 16, 64, 64 * 1024
_SHOWN_NAMES = 8


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of a form: the field it came in, the name that the client gave it ("" for none), its bytes."""

    field: str
    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form's files and its text fields, each in the order they came."""

    files: tuple[SentFile, ...]
    fields: tuple[tuple[str, str], ...]


def media_type_of(request: Request) -> str:
    """Return the Content-Type without its parameters, in lower case; "" if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_declared(request: Request, max_bytes: int) -> None:
    """Raise :class:`~gateway.errors.BodyTooLarge` if Content-Length says so already."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the whole body, whatever its content type; :class:`~gateway.errors.BodyTooLarge` beyond ``max_bytes``."""
    check_declared(request, max_bytes)
    return b"".join([chunk async for chunk in _counted(request, max_bytes)])


async def read_form(request: Request, max_bytes: int, max_files: int = MAX_FILES) -> Form:
    """Read a multipart form of at most ``max_bytes`` in all.

    Raises :class:`~gateway.errors.BodyTooLarge`, :class:`~gateway.errors.InvalidForm`, or
    :class:`~gateway.errors.TooManyFiles` beyond ``max_files``.
    """
    check_declared(request, max_bytes)
    _, options = parse_options_header(request.headers["content-type"])
    if not options.get(b"boundary"):
        raise InvalidForm
    form = await _parse_form(request.headers, _counted(request, max_bytes), max_bytes, max_files)
    files: list[SentFile] = []
    fields: list[tuple[str, str]] = []
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files.append(SentFile(name, value.filename or "", await value.read()))
                await value.close()  # now, so that of a large form not every file is held twice
            else:
                fields.append((name, value))
    finally:
        await form.close()
    return Form(tuple(files), tuple(fields))


def only_file(form: Form, field: str = FIELD) -> bytes:
    """Return the one file of a form, which must lie in ``field``.

    Raises :class:`~gateway.errors.MissingFile`, or :class:`~gateway.errors.TooManyFiles` when there are several.
    """
    wanted = [sent for sent in form.files if sent.field == field]
    if not wanted:
        raise missing_file(form, field)
    if len(form.files) > 1:
        raise TooManyFiles(
            f"The form has {len(form.files)} files; send one picture per request, in the field '{field}'."
        )
    return wanted[0].data


def missing_file(form: Form, field: str = FIELD) -> MissingFile:
    """Say that the form has no file in ``field``, and what it has instead."""
    expected = f"Expected the picture in the form field '{field}' (curl -F {field}=@picture.jpg)"
    texts = [name for name, _ in form.fields]
    if field in texts:
        return MissingFile(f"{expected}; '{field}' came as text, not as a file. With curl, put an @ before the path.")
    received = [printable(name) for name in dict.fromkeys([*(sent.field for sent in form.files), *texts])]
    if not received:
        return MissingFile(f"{expected}; the form has no fields.")
    more = f" and {len(received) - _SHOWN_NAMES} more" if len(received) > _SHOWN_NAMES else ""
    return MissingFile(f"{expected}; received {', '.join(received[:_SHOWN_NAMES])}{more}.")


async def _counted(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Pass the body on and stop at the first byte too many: Content-Length may be absent, or a lie."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


async def _parse_form(
    headers: Headers, stream: AsyncGenerator[bytes, None], max_bytes: int, max_files: int
) -> FormData:
    parser = MultiPartParser(headers, stream, max_files=max_files, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    # Starlette spools files over 1 MB to disk; ours fit in memory, as the body's size is bounded.
    parser.spool_max_size = max_bytes + 1
    try:
        return await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise TooManyFiles(f"The form has more than {max_files} files, the most that are taken here.") from error
        raise InvalidForm from error


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is larger than {max_bytes} bytes ({max_bytes / 2**20:.1f} MiB), the most that is taken."
    )
