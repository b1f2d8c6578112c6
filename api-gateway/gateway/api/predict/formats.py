"""What to answer with, as a request says it: ``format``, ``quality`` and ``max_side``, or the Accept header."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.drawing.codec import DEFAULT_QUALITY, Wanted
from gateway.errors import InvalidParameter, printable
from gateway.http.negotiation import negotiate

JSON, NDJSON = "application/json", "application/x-ndjson"
JPEG, PNG, WEBP = "image/jpeg", "image/png", "image/webp"
#: In the order of our own preference. JSON stands first: it is what a client that does not care gets.
ONE_PICTURE = (JSON, JPEG, PNG, WEBP)
MANY_PICTURES = (JSON, NDJSON)

_WANTED: Mapping[str, Wanted] = {JPEG: Wanted("jpeg"), PNG: Wanted("png"), WEBP: Wanted("webp")}
SMALLEST_SIDE, LARGEST_SIDE = 32, 16_384

#: The options' OpenAPI schemas, by name.
OPTIONS: Mapping[str, dict[str, Any]] = {
    "format": {
        "type": "string",
        "enum": ["json", "image", "jpeg", "png", "webp"],
        "description": "json, or the picture with what was found drawn on it; wins over Accept. image: the kind of "
        "picture that Accept names, else JPEG",
    },
    "quality": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": DEFAULT_QUALITY,
        "description": "Of an annotated JPEG or WebP",
    },
    "max_side": {
        "type": "integer",
        "minimum": SMALLEST_SIDE,
        "maximum": LARGEST_SIDE,
        "description": "Longest side of the annotated picture, in pixels; a smaller picture keeps its size",
    },
}
#: The same for the answer on many pictures.
BATCH_OPTIONS: Mapping[str, dict[str, Any]] = {
    "format": {
        "type": "string",
        "enum": ["json", "ndjson"],
        "description": "One JSON body in the files' order, or one line per file as it is finished; wins over Accept",
    }
}


def split_options(
    names: Iterable[str], *sources: Iterable[tuple[str, str]]
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Part the pairs of query and form into the options of these names and everything else.

    Raises :class:`~gateway.errors.InvalidParameter` for an option given twice with different values.
    """
    wanted = frozenset(names)
    options: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    for pairs in sources:
        for name, value in pairs:
            if name not in wanted:
                others.append((name, value))
            elif options.setdefault(name, value) != value:
                raise InvalidParameter(f"'{name}': given twice, as {printable(options[name])} and {printable(value)}.")
    return options, others


def answer_for_one(options: Mapping[str, str], accept: str | None) -> Wanted | None:
    """Return the annotated picture that is wanted, or None for JSON.

    Raises :class:`~gateway.errors.InvalidParameter`, or :class:`~gateway.errors.NotAcceptable`.
    """
    chosen = options.get("format", "").strip().lower()
    if chosen not in ("", *OPTIONS["format"]["enum"]):
        raise _unknown_format(options["format"], OPTIONS)
    quality = _whole("quality", options, 1, 100)
    max_side = _whole("max_side", options, SMALLEST_SIDE, LARGEST_SIDE)
    match chosen:
        case "json":
            return None
        case "image":
            media_type = _picture_of(accept)
        case "":
            media_type = negotiate(accept, ONE_PICTURE)
        case _:
            media_type = f"image/{chosen}"
    if media_type == JSON:
        return None
    return Wanted(_WANTED[media_type].format, DEFAULT_QUALITY if quality is None else quality, max_side)


def answer_for_many(options: Mapping[str, str], accept: str | None) -> str:
    """Return the media type of a batch's answer. Raises as :func:`answer_for_one` does."""
    chosen = options.get("format", "").strip().lower()
    if chosen not in ("", *BATCH_OPTIONS["format"]["enum"]):
        raise _unknown_format(options["format"], BATCH_OPTIONS)
    return {"json": JSON, "ndjson": NDJSON}.get(chosen) or negotiate(accept, MANY_PICTURES)


def _picture_of(accept: str | None) -> str:
    """Return the kind of picture that Accept likes best; ``format`` has asked for one, so none of them is no error."""
    if accept is None or "image/" not in accept.lower():
        return JPEG
    return negotiate(f"{accept}, image/*;q=0.001", ONE_PICTURE[1:])


def _whole(name: str, options: Mapping[str, str], low: int, high: int) -> int | None:
    text = options.get(name, "").strip()
    if name not in options:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not low <= number <= high:
        raise InvalidParameter(f"'{name}': a whole number from {low} to {high} (given: {printable(text)})")
    return number


def _unknown_format(given: str, known: Mapping[str, dict[str, Sequence[str]]]) -> InvalidParameter:
    return InvalidParameter(f"'format': one of {', '.join(known['format']['enum'])} (given: {printable(given)})")
