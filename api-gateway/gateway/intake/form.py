"""A multipart form: its files and its text fields."""

from dataclasses import dataclass

from gateway.concurrency.off_loop import run_off_loop
from gateway.detection.parameters import Fields
from gateway.errors import InvalidForm, MissingFile, TooManyFiles, printable
from gateway.intake.multipart import split_parts
from gateway.intake.part import CHARSET_FIELD, NAME_THE_FILE, SentFile, read_part
from gateway.intake.sources import NamedImage, SentImages

FIELD = "file"
#: The field for several images; FIELD is accepted for them too.
MANY_FIELD = "files"
#: A form has one file and a handful of parameters; beyond these bounds it is refused.
MAX_FILES, MAX_FIELDS = 16, 64
#: A larger form is divided in a thread: the search for boundaries takes up to 3 ms a megabyte.
_SHORT = 2**20
_SHOWN_NAMES = 8


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form's files and its text fields, each in the order they came."""

    files: tuple[SentFile, ...]
    fields: Fields


async def read_file(body: bytes, boundary: bytes, field: str = FIELD) -> tuple[bytes, Fields]:
    """Read the one file of a form, which must be in ``field``, and the form's text fields; the body can be released.

    Raises :class:`~gateway.errors.MissingFile`, :class:`~gateway.errors.TooManyFiles` if there are several files,
    :class:`~gateway.errors.InvalidForm`, or :class:`~gateway.errors.UnsupportedMediaType` for a character set other
    than UTF-8.
    """
    form = await _read_form(body, boundary, MAX_FILES)
    wanted = [sent.data for sent in form.files if sent.field == field]
    if not wanted:
        raise _missing_file(form, field)
    if len(form.files) > 1:
        raise TooManyFiles(f"The form has {len(form.files)} files; send one image per request, in the field '{field}'.")
    return bytes(wanted[0]), form.fields


async def read_files(body: bytes, boundary: bytes, max_files: int) -> SentImages:
    """Read a form with files in ``files`` and ``file``, at least one; their bytes stay in the body.

    Raises as :func:`read_file` does; :class:`~gateway.errors.TooManyFiles` beyond ``max_files``.
    """
    form = await _read_form(body, boundary, max_files)
    if not form.files or any(sent.field not in (FIELD, MANY_FIELD) for sent in form.files):
        raise _missing_file(form, MANY_FIELD)
    return SentImages(tuple(NamedImage(sent.filename, sent.data) for sent in form.files), form.fields)


async def _read_form(body: bytes, boundary: bytes, max_files: int) -> Form:
    if len(body) <= _SHORT:
        return _divide(body, boundary, max_files)
    return await run_off_loop(_divide, body, boundary, max_files)


def _divide(body: bytes, boundary: bytes, max_files: int) -> Form:
    files: list[SentFile] = []
    fields: list[tuple[str, str]] = []
    empty = 0
    for head, data in split_parts(body, boundary):
        part = read_part(head, data)
        if not isinstance(part, SentFile):
            fields.append((part.field, part.text))
        elif part.filename or part.data:
            files.append(part)
        else:
            empty += 1  # a file input of a page in which no file was chosen
        if len(files) > max_files:
            raise TooManyFiles(f"The form has more than {max_files} files, the limit.")
        if len(fields) > MAX_FIELDS or empty > MAX_FIELDS:
            raise InvalidForm(f"The form has more than {MAX_FIELDS} fields, the limit.")
    return Form(tuple(files), tuple(field for field in fields if field[0] != CHARSET_FIELD))


def _missing_file(form: Form, field: str) -> MissingFile:
    """Return the error for a form without a file in ``field``; it lists the fields of the form."""
    expected = f"Expected the image in the form field '{field}' (curl -F {field}=@image.jpg)"
    texts = [name for name, _ in form.fields]
    if field in texts:
        return MissingFile(
            f"{expected}; '{field}' came as text, not as a file: its part has no file name. With curl, put an @ "
            f"before the path; in a program, name the file: {NAME_THE_FILE}."
        )
    received = list(dict.fromkeys([*(sent.field for sent in form.files), *texts]))
    if not received:
        return MissingFile(f"{expected}; the form has no fields, or only a file input without a file.")
    more = f" and {len(received) - _SHOWN_NAMES} more" if len(received) > _SHOWN_NAMES else ""
    return MissingFile(f"{expected}; received {', '.join(map(printable, received[:_SHOWN_NAMES]))}{more}.")
