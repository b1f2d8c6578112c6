"""Read the one credential of a request out of its headers. Never from the address: that ends up in logs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from gateway.auth.identity import Refusal
from gateway.auth.key_records import PREFIX
from gateway.errors import InvalidCredentials, Unauthenticated
from gateway.http.headers import API_KEY_HEADER

#: Bytes. Real tokens stay well below; what is longer is not worth decoding.
MAX_LENGTH = 8192
_KEY = API_KEY_HEADER.lower().encode()


@dataclass(frozen=True, slots=True)
class Credential:
    """What the caller shows. Its text stays out of every repr."""

    method: Literal["key", "jwt"]
    text: str = field(repr=False)


def read_credential(headers: Iterable[tuple[bytes, bytes]]) -> Credential:
    """Take ``Authorization: Bearer`` or ``X-API-Key``; raises :class:`Refusal` for none, for several, for nonsense.

    ``headers`` are ASGI's, names in lower case.
    """
    shown: set[tuple[bytes, bool]] = set()
    for name, value in headers:
        if name == _KEY:
            shown.add((value.strip(), False))
        elif name == b"authorization":
            scheme, _, rest = value.strip().partition(b" ")
            if scheme.lower() != b"bearer":
                raise Refusal(
                    Unauthenticated("This Authorization scheme is not taken; send 'Authorization: Bearer KEY'."),
                    "none",
                    "malformed",
                )
            shown.add((rest.strip(), True))
    if not shown:
        raise Refusal(Unauthenticated(), "none", "missing")
    if len({value for value, _ in shown}) > 1:
        raise Refusal(InvalidCredentials("Several credentials came and differ; send one."), "none", "ambiguous")
    value, bearer = max(shown, key=lambda one: one[1])
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    method: Literal["key", "jwt"] = "jwt" if bearer and not text.startswith(PREFIX) and text.count(".") == 2 else "key"
    if not text or len(text) > MAX_LENGTH:
        raise Refusal(InvalidCredentials(), method, "malformed")
    return Credential(method, text)
