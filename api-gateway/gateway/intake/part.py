"""One part of a multipart form: a file, or a field of text (RFC 7578)."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header

from gateway.errors import InvalidForm, UnsupportedMediaType, printable
from gateway.intake.charset import check_charset, decode_text

MAX_HEADERS, MAX_FIELD_BYTES = 16, 64 * 1024
#: The field in which a page's form names its character set (RFC 7578, section 4.6).
CHARSET_FIELD = "_charset_"
#: How clients give a file its name, which tells it from text.
NAME_THE_FILE = "FormData.append('file', data, 'image.jpg'), files={'file': ('image.jpg', data)}"
_HEADER_NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
#: The file name of RFC 5987, which RFC 7578 forbids and some clients send: character set, language, text.
_EXTENDED_NAME = re.compile(rb"""filename\*\s*=\s*"?([^'";]*)'[^']*'([^;"]*)""", re.IGNORECASE)
#: How axios, jQuery and PHP name the entries of a list: ``files[]``, ``files[0]``.
_ENTRY = re.compile(r"\[[0-9]{0,4}\]\Z")


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
class SentText:
    """One text field of a form."""

    field: str
    text: str


def read_part(head: bytes, data: memoryview) -> SentFile | SentText:
    """Read a part from its headers and its content.

    A part is a file by its file name, or else by its type, as some clients send no name.
    Raises :class:`~gateway.errors.InvalidForm`, or :class:`~gateway.errors.UnsupportedMediaType` for a text that is
    encoded or in a character set other than UTF-8.
    """
    headers = _headers(head)
    disposition = headers.get(b"content-disposition", b"")
    options = parse_options_header(disposition)[1]
    if b"name" not in options:
        raise InvalidForm('In the form, a part has no name: Content-Disposition: form-data; name="…" is missing.')
    field = decode_text(options[b"name"])
    if extended := _EXTENDED_NAME.search(disposition):
        check_charset(extended[1].decode("latin-1"))
        return SentFile(_ENTRY.sub("", field), decode_text(unquote_to_bytes(extended[2])), data)
    media_type, type_options = parse_options_header(headers.get(b"content-type", b""))
    if b"filename" in options or media_type.startswith(b"image/") or media_type == b"application/octet-stream":
        return SentFile(_ENTRY.sub("", field), decode_text(options.get(b"filename", b"")), data)
    if len(data) > MAX_FIELD_BYTES:
        raise InvalidForm(
            f"The field {printable(field)} has {len(data)} bytes; the limit of a text field is {MAX_FIELD_BYTES}. "
            f"If it is the image: its part has no file name and no image type, so it counts as text. Name it: "
            f"{NAME_THE_FILE}."
        )
    if headers.get(b"content-transfer-encoding", b"").lower() in (b"base64", b"quoted-printable"):
        raise UnsupportedMediaType("A part with a Content-Transfer-Encoding is not supported; send it as it is.")
    if charset := type_options.get(b"charset"):
        check_charset(charset.decode("latin-1"), data)
    text = decode_text(data)
    if field == CHARSET_FIELD:
        check_charset(text)
    return SentText(field, text)


def _headers(head: bytes) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    lines = head.split(b"\r\n", MAX_HEADERS) if head else []
    if len(lines) > MAX_HEADERS:
        raise InvalidForm(f"In the form, a part has more than {MAX_HEADERS} headers.")
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _HEADER_NAME.fullmatch(name):
            raise InvalidForm(f"In the form, {printable(line.decode('ascii', 'replace'))} is not a header of a part.")
        headers[name.lower()] = value.strip(b" \t")
    return headers
