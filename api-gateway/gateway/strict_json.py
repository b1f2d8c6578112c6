"""JSON as the standard defines it: UTF-8, parsed strictly, and written without spaces.

What a client sends is parsed by :mod:`gateway.client_json`, which bounds its time and memory.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class JsonError(ValueError):
    """The text is not JSON, or exceeds a bound. The message may go to a client: it repeats none of the text."""


def loads(text: bytes | bytearray | str, *, pairs: Callable[[list[tuple[str, Any]]], object] | None = None) -> Any:
    """Parse JSON. Raises :class:`JsonError`; ``pairs`` is the ``object_pairs_hook`` of :mod:`json`, if any.

    A text may contain control characters, such as the line breaks of base64.
    """
    decoder = (
        _DECODER
        if pairs is None
        else json.JSONDecoder(object_pairs_hook=pairs, parse_constant=refuse_constant, strict=False)
    )
    try:
        return decoder.decode(text if isinstance(text, str) else _decode(text))
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} (line {error.lineno}, column {error.colno})") from error
    except JsonError:
        raise
    except (
        ValueError,
        RecursionError,
    ) as error:  # bytes that are not text, numbers of thousands of digits, deep nesting
        raise JsonError("it is not text, or has a number or nesting that is too large") from error


def _decode(text: bytes | bytearray) -> str:
    """Decode JSON, which is UTF-8 (RFC 8259), possibly with a byte order mark."""
    encoding = json.detect_encoding(bytes(text[:4]))
    if not encoding.startswith("utf-8"):
        raise JsonError("it must be UTF-8, not UTF-16 or UTF-32")
    return text.decode(encoding, "surrogatepass")


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads although they are not JSON; a client could not parse them."""
    raise JsonError(f"{name} is not a JSON number")


#: Created once: with any option, json.loads creates one for each call.
_DECODER = json.JSONDecoder(parse_constant=refuse_constant, strict=False)


def compact(body: Any) -> bytes:
    """Write JSON without spaces, in UTF-8."""
    # Without a response model: validating a body that was just built would cost more than building it.
    return _to_json(body).encode()
