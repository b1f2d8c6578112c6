"""Pictures in a JSON body: as base64 text, as a data: URL, or by the address where they lie."""

import base64
import binascii
from typing import Any

from gateway import strict_json
from gateway.detection.parameters import json_pairs
from gateway.detection.sources import LONGEST_NAME, Encoded, Link, Named, Sent, SentMany, check_size
from gateway.errors import (
    InvalidBase64,
    InvalidJson,
    MissingFile,
    TooManyFiles,
    printable,
)

#: Room in a JSON body for everything that is not a picture.
_BESIDES = 64 * 1024
#: Commas and brackets that one picture may cost (its address or name can hold some), and all that is beside them.
_MARKS_OF_ONE, _MARKS_BESIDE = 1024, 8192


def most_json_bytes(picture_bytes: int) -> int:
    """Return how large a JSON body may be that holds so many bytes of pictures: base64 takes four bytes for three."""
    return picture_bytes * 4 // 3 + _BESIDES


def most_json_marks(pictures: int) -> int:
    """Return how many commas and brackets the JSON of so many pictures may have: see :mod:`gateway.strict_json`."""
    return pictures * _MARKS_OF_ONE + _MARKS_BESIDE


def read_one(body: bytes) -> Sent:
    """Read ``{"image": "<base64 or data: URL>", …}`` or ``{"url": "https://…", …}``; other keys are parameters.

    Raises :class:`~gateway.errors.InvalidJson`, :class:`~gateway.errors.MissingFile` or
    :class:`~gateway.errors.InvalidParameter`.
    """
    given = _object(body, 1)
    if "images" in given:
        raise TooManyFiles("'images' is for POST /predict/batch; here send one picture as 'image' or 'url'.")
    return Sent(_source(given, "the body"), json_pairs(given))


def read_many(body: bytes, max_files: int) -> SentMany:
    """Read ``{"images": [<base64> or {"image": …} or {"url": …}, …], …}``; an object may have a ``name``.

    Raises what :func:`read_one` does, and :class:`~gateway.errors.TooManyFiles`.
    """
    given = _object(body, max_files)
    entries = given.pop("images", None)
    if not isinstance(entries, list):
        raise MissingFile('Expected the pictures as {"images": ["<base64>", {"url": "https://…"}, …]}.')
    if not entries:
        raise MissingFile("'images' is an empty list.")
    if len(entries) > max_files:
        raise TooManyFiles(f"'images' has {len(entries)} entries; at most {max_files} are taken at once.")
    return SentMany(tuple(_named(entry, index) for index, entry in enumerate(entries)), json_pairs(given))


def decode_picture(text: str, max_bytes: int) -> bytes:
    """Decode base64 or a base64 ``data:`` URL, strictly (RFC 4648), its size checked before.

    Raises :class:`~gateway.errors.InvalidBase64`, or :class:`~gateway.errors.BodyTooLarge` beyond ``max_bytes``.
    """
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise InvalidBase64("A data: URL must be one of base64: data:image/jpeg;base64,…")
    check_size(len(text) // 4 * 3 - 2, max_bytes)
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidBase64(f"{InvalidBase64.default} In a shell: base64 -w0 picture.jpg") from error


def _object(body: bytes, pictures: int) -> dict[str, Any]:
    try:
        strict_json.check_marks(body, most_json_marks(pictures))
        given = strict_json.loads(body, pairs=_without_duplicates)
    except strict_json.JsonError as error:
        raise InvalidJson(f"{InvalidJson.default} It cannot be read: {error}.") from error
    if not isinstance(given, dict):
        raise InvalidJson
    return given


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    given = dict(pairs)
    if len(given) < len(pairs):
        raise InvalidJson("The body's JSON has the same key twice.")
    return given


def _named(entry: object, index: int) -> Named:
    if isinstance(entry, str):
        return Named("", Encoded(entry))
    if not isinstance(entry, dict):
        raise InvalidJson(f"images[{index}] is neither base64 text nor an object with 'image' or 'url'.")
    name = entry.pop("name", "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise InvalidJson(f"images[{index}]: 'name' must be text of at most {LONGEST_NAME} characters.")
    source = _source(entry, f"images[{index}]")
    if entry:
        raise InvalidJson(f"images[{index}] has {printable(next(iter(entry)))}; known are image, url and name.")
    return Named(name, source)


def _source(given: dict[str, Any], where: str) -> Encoded | Link:
    """Take the picture's key out of an object and return what it holds."""
    if "image" in given and "url" in given:
        raise InvalidJson(f"'image' and 'url' are both in {where}; send one of them.")
    if "image" not in given and "url" not in given:
        names = [printable(name) for name in list(given)[:8]]
        received = ", ".join(names) or "an empty object"
        raise MissingFile(f'Expected "image": "<base64>" or "url": "https://…" in {where}; received {received}.')
    key = "image" if "image" in given else "url"
    value = given.pop(key)
    if not isinstance(value, str):
        raise InvalidJson(f"'{key}' in {where} must be text.")
    return Encoded(value) if key == "image" else Link(value)
