"""Images in a JSON body: as base64 text, as a data: URL, or by their URL."""

from typing import Any

from gateway.client_json import Document, bounds_for, parse
from gateway.detection.parameters import json_fields
from gateway.errors import InvalidJson, MissingFile, TooManyFiles, UrlNotAllowed, printable
from gateway.intake.sources import LONGEST_NAME, Base64Image, ImageUrl, NamedImage, SentImage, SentImages, decode
from gateway.intake.url_policy import LONGEST_URL
from gateway.strict_json import JsonError

#: Bytes that a JSON body may have besides its images.
_OTHER_BYTES = 64 * 1024


def most_json_bytes(image_bytes: int) -> int:
    """Return how large a JSON body with so many bytes of images may be: base64 takes four bytes for three."""
    return image_bytes * 4 // 3 + _OTHER_BYTES


async def read_one(body: bytes, max_bytes: int) -> SentImage:
    """Read ``{"image": "<base64 or data: URL>", …}`` or ``{"url": "https://…", …}``; other keys are parameters.

    A text under the other of the two keys is accepted, because no URL is base64. The image is decoded, so that the body
    can be released.
    Raises :class:`~gateway.errors.InvalidJson`, :class:`~gateway.errors.MissingFile`,
    :class:`~gateway.errors.InvalidParameter`, and what :func:`~gateway.intake.sources.decode` does.
    """
    document, given = _parse(body, 1)
    if "images" in given:
        raise TooManyFiles("'images' is for POST /predict/batch; send one image here, as 'image' or 'url'.")
    source = _take_source(document, given, "the body")
    fields = json_fields(given)
    return SentImage(await decode(source, max_bytes), fields)


def read_many(body: bytes, max_files: int) -> SentImages:
    """Read ``{"images": [<base64> or {"image": …} or {"url": …}, …], …}``; an object may have a ``name``.

    A long image stays in ``body``. Raises what :func:`read_one` does but for the images' decoding, and
    :class:`~gateway.errors.TooManyFiles`.
    """
    document, given = _parse(body, max_files)
    entries = given.pop("images", None)
    if not isinstance(entries, list):
        raise MissingFile('Expected the images as {"images": ["<base64>", {"url": "https://…"}, …]}.')
    if not entries:
        raise MissingFile("'images' is an empty list.")
    if len(entries) > max_files:
        raise TooManyFiles(f"'images' has {len(entries)} entries; at most {max_files} are allowed.")
    images = tuple(_named(document, entry, index) for index, entry in enumerate(entries))
    return SentImages(images, json_fields(given))


def _parse(body: bytes, images: int) -> tuple[Document, dict[str, Any]]:
    if body.lstrip(b"\r\n")[:2] == b"--":
        raise InvalidJson("The body looks like a multipart form; send it as multipart/form-data with its boundary.")
    try:
        document = parse(body, bounds_for(images), _without_duplicates)
    except JsonError as error:
        raise InvalidJson(f"{InvalidJson.default} It cannot be read: {error}.") from error
    if not isinstance(document.value, dict):
        raise InvalidJson
    return document, document.value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    given = dict(pairs)
    if len(given) < len(pairs):
        raise InvalidJson("The body's JSON has the same key twice.")
    return given


def _named(document: Document, entry: object, index: int) -> NamedImage:
    where = f"images[{index}]"
    if isinstance(entry, str):
        return NamedImage("", _source(document, "image", entry))
    if not isinstance(entry, dict):
        raise InvalidJson(f"{where} is neither base64 text nor an object with 'image' or 'url'.")
    name = entry.pop("name", "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise InvalidJson(f"{where}: 'name' must be text of at most {LONGEST_NAME} characters.")
    source = _take_source(document, entry, where)
    if entry:
        raise InvalidJson(f"{where} has {printable(next(iter(entry)))}; known are image, url and name.")
    return NamedImage(name, source)


def _take_source(document: Document, given: dict[str, Any], where: str) -> Base64Image | ImageUrl:
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
    return _source(document, keys[0], value)


def _source(document: Document, key: str, value: str) -> Base64Image | ImageUrl:
    encoded = document.encoded(value)
    start = (value[:8] if encoded is None else bytes(encoded[:8]).decode("latin-1")).lower()
    if start.startswith("data:") or (key == "image" and not start.startswith(("http:", "https:"))):
        return Base64Image(value if encoded is None else encoded)
    if encoded is not None:
        raise UrlNotAllowed(f"The URL is longer than {LONGEST_URL} characters.")
    return ImageUrl(value)
