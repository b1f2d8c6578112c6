"""A request's Content-Type: the media type, the character set of its text, and the boundary of a form."""

from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from gateway.errors import InvalidForm
from gateway.intake.charset import check_charset

FORM, JSON = "multipart/form-data", "application/json"


@dataclass(frozen=True, slots=True)
class ContentType:
    """The media type in lower case, "" if there is none; the boundary of a form, b"" for anything else."""

    media_type: str
    boundary: bytes = b""


def read_content_type(declared: str) -> ContentType:
    """Read the header Content-Type, and check the character set of a form and of JSON.

    Raises :class:`~gateway.errors.UnsupportedMediaType` for a character set that is not accepted, and
    :class:`~gateway.errors.InvalidForm` for a form without a boundary.
    """
    media_type, charset = declared.partition(";")[0].strip().lower(), charset_of(declared)
    if media_type in (FORM, JSON):
        check_charset(charset)
    if media_type != FORM:
        return ContentType(media_type)
    boundary = parse_options_header(declared)[1].get(b"boundary")
    if not boundary:
        raise InvalidForm("The Content-Type of the form has no boundary; let the HTTP library set this header.")
    return ContentType(media_type, boundary)


def charset_of(declared: str) -> str | None:
    """Return the character set that a Content-Type names; None if it names none."""
    charset = parse_options_header(declared)[1].get(b"charset") if ";" in declared else None
    return None if charset is None else charset.decode("latin-1")
