"""A multipart form: its files and its text fields."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers

from gateway.concurrency.off_loop import run_off_loop
from gateway.detection.parameters import Fields
from gateway.errors import InvalidForm, MissingFile, TooManyFiles, UnsupportedMediaType, printable
from gateway.intake.body import charset_of, gather, parameter_of
from gateway.intake.charset import check_charset, decode_text
from gateway.intake.multipart import Part, split_parts

FIELD = "file"
#: The field for several images; FIELD is accepted for them too.
MANY_FIELD = "files"
#: A form has one file and a handful of parameters; beyond these bounds it is refused.
MAX_FILES, MAX_FIELDS, MAX_FIELD_BYTES = 16, 64, 64 * 1024
#: The field in which a page's form names its character set (RFC 7578, section 4.6).
_CHARSET_FIELD = "_charset_"
#: A larger form is divided in a thread: the search for boundaries takes up to 3 ms a megabyte.
_SHORT = 2**20
_SHOWN_NAMES = 8
#: How axios, jQuery and PHP name the entries of a list: ``files[]``, ``files[0]``.
_ENTRY = re.compile(r"\[[0-9]{0,4}\]\Z")
_FIX = "FormData.append('file', data, 'image.jpg'), files={'file': ('image.jpg', data)}"


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of a form: the field it came in, the name that the client gave it ("" for none), its bytes.

    The field is without the brackets of a list's entry. The bytes are a part of the body, which is held as long as they
    are.
    """

    field: str
    filename: str
    data: memoryview


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form's files and its text fields, each in the order they came."""

    files: tuple[SentFile, ...]
    fields: Fields

    def only_file(self, field: str) -> bytes:
        """Return a copy of the one file of the form, which must be in ``field``.

        Raises :class:`~gateway.errors.MissingFile`, or :class:`~gateway.errors.TooManyFiles` if there are several.
        """
        wanted = [sent.data for sent in self.files if sent.field == field]
        if not wanted:
            raise self.missing_file(field)
        if len(self.files) > 1:
            raise TooManyFiles(
                f"The form has {len(self.files)} files; send one image per request, in the field '{field}'."
            )
        return bytes(wanted[0])

    def missing_file(self, field: str) -> MissingFile:
        """Return the error for a form without a file in ``field``; it lists the fields of the form."""
        expected = f"Expected the image in the form field '{field}' (curl -F {field}=@image.jpg)"
        texts = [name for name, _ in self.fields]
        if field in texts:
            return MissingFile(
                f"{expected}; '{field}' came as text, not as a file: its part has no file name. With curl, put an @ "
                f"before the path; in a program, name the file: {_FIX}."
            )
        received = list(dict.fromkeys([*(sent.field for sent in self.files), *texts]))
        if not received:
            return MissingFile(f"{expected}; the form has no fields, or only a file input without a file.")
        more = f" and {len(received) - _SHOWN_NAMES} more" if len(received) > _SHOWN_NAMES else ""
        return MissingFile(f"{expected}; received {', '.join(map(printable, received[:_SHOWN_NAMES]))}{more}.")


async def read_form(headers: Headers, body: AsyncGenerator[bytes, None], max_files: int = MAX_FILES) -> Form:
    """Read a multipart form from the headers of its request and its body, whose size is bounded.

    Raises :class:`~gateway.errors.BodyTooLarge`, :class:`~gateway.errors.InvalidForm`,
    :class:`~gateway.errors.UnsupportedMediaType` for a character set other than UTF-8, or
    :class:`~gateway.errors.TooManyFiles` beyond ``max_files``.
    """
    content_type = headers["content-type"]
    check_charset(charset_of(content_type))
    boundary = parameter_of(content_type, "boundary")
    if not boundary:
        raise InvalidForm("The Content-Type of the form has no boundary; let the HTTP library set this header.")
    content = await gather(body)
    if len(content) <= _SHORT:
        return _read(content, boundary, max_files)
    return await run_off_loop(_read, content, boundary, max_files)


def _read(body: bytes, boundary: bytes, max_files: int) -> Form:
    files: list[SentFile] = []
    fields: list[tuple[str, str]] = []
    empty = 0
    for part in split_parts(body, boundary):
        name = decode_text(part.name)
        if not _is_file(part):
            fields.append((name, _text_of(name, part)))
        elif part.filename == b"" and not part.data:
            empty += 1  # a file input of a page in which no file was chosen
        else:
            files.append(SentFile(_ENTRY.sub("", name), _file_name(part), part.data))
        if len(files) > max_files:
            raise TooManyFiles(f"The form has more than {max_files} files, the limit.")
        if len(fields) > MAX_FIELDS or empty > MAX_FIELDS:
            raise InvalidForm(f"The form has more than {MAX_FIELDS} fields, the limit.")
    return Form(tuple(files), tuple(_without_charset(fields)))


def _is_file(part: Part) -> bool:
    """Return whether a part is a file: by its file name, or else by its type, as some clients send no name."""
    if part.filename is not None or part.extended_name is not None:
        return True
    media_type = part.content_type.partition(b";")[0].strip().lower()
    return media_type.startswith(b"image/") or media_type == b"application/octet-stream"


def _file_name(part: Part) -> str:
    if part.extended_name is None:
        return decode_text(part.filename or b"")
    charset, text = part.extended_name
    check_charset(charset.decode("latin-1"))
    return decode_text(unquote_to_bytes(text))


def _text_of(name: str, part: Part) -> str:
    if len(part.data) > MAX_FIELD_BYTES:
        raise InvalidForm(
            f"The field {printable(name)} has {len(part.data)} bytes; the limit of a text field is {MAX_FIELD_BYTES}. "
            f"If it is the image: its part has no file name and no image type, so it counts as text. Name it: {_FIX}."
        )
    if part.encoding in (b"base64", b"quoted-printable"):
        raise UnsupportedMediaType("A part with a Content-Transfer-Encoding is not supported; send it as it is.")
    check_charset(charset_of(part.content_type.decode("latin-1")), part.data)
    return decode_text(part.data)


def _without_charset(fields: list[tuple[str, str]]) -> Fields:
    """Check the field that names the form's character set, and leave it out."""
    for name, value in fields:
        if name == _CHARSET_FIELD:
            check_charset(value)
    return tuple(field for field in fields if field[0] != _CHARSET_FIELD)
