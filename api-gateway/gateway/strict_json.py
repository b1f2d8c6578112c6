"""JSON as the standard defines it: parsed strictly and within bounds, and written without spaces."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

#: Each value beyond the first needs one of these characters, which base64 does not have.
_MARKS = (b",", b"[", b"{")


class JsonError(ValueError):
    """The text is not JSON, or exceeds a bound. The message may go to a client: it repeats none of the text."""


def loads(text: bytes | str, *, pairs: Callable[[list[tuple[str, Any]]], object] | None = None) -> Any:
    """Parse JSON. Raises :class:`JsonError`; ``pairs`` is the ``object_pairs_hook`` of :mod:`json`, if any."""
    try:
        if pairs is None:
            return _DECODER.decode(
                text.decode(json.detect_encoding(text), "surrogatepass") if isinstance(text, bytes) else text
            )
        return json.loads(text, object_pairs_hook=pairs, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} (line {error.lineno}, column {error.colno})") from error
    except JsonError:
        raise
    except (
        ValueError,
        RecursionError,
    ) as error:  # bytes that are not text, numbers of thousands of digits, deep nesting
        raise JsonError("it is not text, or has a number or nesting that is too large") from error


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads although they are not JSON; a client could not parse them."""
    raise JsonError(f"{name} is not a JSON number")


#: Created once: with any option, json.loads creates one for each call.
_DECODER = json.JSONDecoder(parse_constant=refuse_constant)


def check_marks(text: bytes, most: int) -> None:
    """Raise :class:`JsonError` if ``text`` has more than ``most`` commas and opening brackets. For use before parsing.

    An empty list of three bytes needs sixty once it is parsed, so a bound on bytes does not bound memory.
    """
    if len(text) <= most:
        return
    found = 0
    for mark in _MARKS:
        # Not text.count(), which examines every byte: this skips an image's text several times as fast.
        position = text.find(mark)
        while position >= 0:
            found += 1
            if found > most:
                raise JsonError(f"it has more than {most} commas and brackets; images as base64 need almost none")
            position = text.find(mark, position + 1)


def compact(body: Any) -> bytes:
    """Write JSON without spaces, in UTF-8."""
    # Without a response model: validating a body that was just built would cost more than building it.
    return _to_json(body).encode()
