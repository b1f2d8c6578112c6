"""Images in a JSON body: as base64 text, as a data: URL, or by their URL."""

from typing import Any

from gateway import strict_json
from gateway.detection.parameters import json_fields
from gateway.errors import InvalidJson, MissingFile, TooManyFiles, printable
from gateway.intake.sources import LONGEST_NAME, Base64Image, ImageUrl, NamedImage, SentImage, SentImages

#: Bytes that a JSON body may have besides its images.
_OTHER_BYTES = 64 * 1024
#: Commas and brackets that one image may need (its URL or name can contain some), and those of the rest of the body.
_MARKS_PER_IMAGE, _OTHER_MARKS = 1024, 8192


def most_json_bytes(image_bytes: int) -> int:
    """Return how large a JSON body with so many bytes of images may be: base64 takes four bytes for three."""
    return image_bytes * 4 // 3 + _OTHER_BYTES


def most_json_marks(images: int) -> int:
    """Return how many commas and brackets the JSON of so many images may have: see :mod:`gateway.strict_json`."""
    return images * _MARKS_PER_IMAGE + _OTHER_MARKS


def read_one(body: bytes) -> SentImage:
    """Read ``{"image": "<base64 or data: URL>", …}`` or ``{"url": "https://…", …}``; other keys are parameters.

    Raises :class:`~gateway.errors.InvalidJson`, :class:`~gateway.errors.MissingFile` or
    :class:`~gateway.errors.InvalidParameter`.
    """
    given = _object(body, 1)
    if "images" in given:
        raise TooManyFiles("'images' is for POST /predict/batch; send one image here, as 'image' or 'url'.")
    return SentImage(_take_source(given, "the body"), json_fields(given))


def read_many(body: bytes, max_files: int) -> SentImages:
    """Read ``{"images": [<base64> or {"image": …} or {"url": …}, …], …}``; an object may have a ``name``.

    Raises what :func:`read_one` does, and :class:`~gateway.errors.TooManyFiles`.
    """
    given = _object(body, max_files)
    entries = given.pop("images", None)
    if not isinstance(entries, list):
        raise MissingFile('Expected the images as {"images": ["<base64>", {"url": "https://…"}, …]}.')
    if not entries:
        raise MissingFile("'images' is an empty list.")
    if len(entries) > max_files:
        raise TooManyFiles(f"'images' has {len(entries)} entries; at most {max_files} are allowed.")
    return SentImages(tuple(_named(entry, index) for index, entry in enumerate(entries)), json_fields(given))


def _object(body: bytes, images: int) -> dict[str, Any]:
    try:
        strict_json.check_marks(body, most_json_marks(images))
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


def _named(entry: object, index: int) -> NamedImage:
    if isinstance(entry, str):
        return NamedImage("", Base64Image(entry))
    if not isinstance(entry, dict):
        raise InvalidJson(f"images[{index}] is neither base64 text nor an object with 'image' or 'url'.")
    name = entry.pop("name", "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise InvalidJson(f"images[{index}]: 'name' must be text of at most {LONGEST_NAME} characters.")
    source = _take_source(entry, f"images[{index}]")
    if entry:
        raise InvalidJson(f"images[{index}] has {printable(next(iter(entry)))}; known are image, url and name.")
    return NamedImage(name, source)


def _take_source(given: dict[str, Any], where: str) -> Base64Image | ImageUrl:
    """Remove the image's key from an object and return its value."""
    keys = [key for key in ("image", "url") if key in given]
    if len(keys) > 1:
        raise InvalidJson(f"'image' and 'url' are both in {where}; send one of them.")
    if not keys:
        received = ", ".join(map(printable, list(given)[:8])) or "an empty object"
        raise MissingFile(f'Expected "image": "<base64>" or "url": "https://…" in {where}; received {received}.')
    value = given.pop(keys[0])
    if not isinstance(value, str):
        raise InvalidJson(f"'{keys[0]}' in {where} must be text.")
    return Base64Image(value) if keys[0] == "image" else ImageUrl(value)
