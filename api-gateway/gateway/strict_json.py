"""JSON as the standard defines it: parsed strictly and within bounds, and written without blanks."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

#: What each value beyond the first costs in the text: a comma, or the bracket around it. Base64 has none of them.
_MARKS = (b",", b"[", b"{")


class JsonError(ValueError):
    """The text is not JSON, or more of it than is read. The message may go to a client: it repeats none of the text."""


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
    except (ValueError, RecursionError) as error:  # bytes that are no text, numbers of thousands of digits, deep nests
        raise JsonError("it is no text, or holds a number or nesting that is too large") from error


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and which are no JSON: passed on, they would break a client."""
    raise JsonError(f"{name} is none of JSON's numbers")


#: Made once: json.loads makes another each time when it is told anything.
_DECODER = json.JSONDecoder(parse_constant=refuse_constant)


def check_marks(text: bytes, most: int) -> None:
    """Raise :class:`JsonError` if ``text`` has more than ``most`` commas and opening brackets; parse it after this.

    An empty list of three bytes takes sixty once it is parsed, so that bounded bytes are no bound on memory.
    """
    if len(text) <= most:
        return
    found = 0
    for mark in _MARKS:
        # Not text.count(), which looks at every byte by itself: this skips an image's text several times as fast.
        position = text.find(mark)
        while position >= 0:
            found += 1
            if found > most:
                raise JsonError(f"it has more than {most} commas and brackets; images as base64 need hardly any")
            position = text.find(mark, position + 1)


def compact(body: Any) -> bytes:
    """Write JSON without blanks, in UTF-8."""
    # Not through a response model: validating what was just built would cost more than building it.
    return _to_json(body).encode()
