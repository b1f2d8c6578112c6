"""A multipart form: its files and its text fields."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from gateway.detection.parameters import Fields
from gateway.errors import InvalidForm, MissingFile, TooManyFiles, printable

FIELD = "file"
#: The field for several images; FIELD is accepted for them too.
MANY_FIELD = "files"
#: A form has one file and a handful of parameters; beyond these bounds it is refused.
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
    fields: Fields

    def only_file(self, field: str) -> bytes:
        """Return the one file of the form, which must be in ``field``.

        Raises :class:`~gateway.errors.MissingFile`, or :class:`~gateway.errors.TooManyFiles` if there are several.
        """
        wanted = [sent.data for sent in self.files if sent.field == field]
        if not wanted:
            raise self.missing_file(field)
        if len(self.files) > 1:
            raise TooManyFiles(
                f"The form has {len(self.files)} files; send one image per request, in the field '{field}'."
            )
        return wanted[0]

    def missing_file(self, field: str) -> MissingFile:
        """Return the error for a form without a file in ``field``; it lists the fields of the form."""
        expected = f"Expected the image in the form field '{field}' (curl -F {field}=@image.jpg)"
        texts = [name for name, _ in self.fields]
        if field in texts:
            return MissingFile(
                f"{expected}; '{field}' came as text, not as a file. With curl, put an @ before the path."
            )
        received = list(dict.fromkeys([*(sent.field for sent in self.files), *texts]))
        if not received:
            return MissingFile(f"{expected}; the form has no fields.")
        more = f" and {len(received) - _SHOWN_NAMES} more" if len(received) > _SHOWN_NAMES else ""
        return MissingFile(f"{expected}; received {', '.join(map(printable, received[:_SHOWN_NAMES]))}{more}.")


async def read_form(headers: Headers, body: AsyncGenerator[bytes, None], max_files: int = MAX_FILES) -> Form:
    """Read a multipart form from the headers of its request and its body, whose size is bounded.

    Raises :class:`~gateway.errors.BodyTooLarge`, :class:`~gateway.errors.InvalidForm`, or
    :class:`~gateway.errors.TooManyFiles` beyond ``max_files``.
    """
    form = await _parse(headers, body, max_files)
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


async def _parse(headers: Headers, body: AsyncGenerator[bytes, None], max_files: int) -> FormData:
    parser = MultiPartParser(headers, body, max_files=max_files, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    # Starlette spools files over 1 MB to disk; these fit in memory, as the body's size is bounded.
    parser.spool_max_size = 0
    _, options = parse_options_header(headers["content-type"])
    if not options.get(b"boundary"):
        raise InvalidForm
    try:
        return await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise TooManyFiles(f"The form has more than {max_files} files, the limit.") from error
        raise InvalidForm from error
