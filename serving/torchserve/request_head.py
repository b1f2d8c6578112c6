"""The head of an HTTP/1.1 request: how long its body is, and whether a web page may have sent it.

Strict, so that TorchServe cannot read a head in another way than this module: one spelling of line ends, of header
names and of a body's length.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from host_names import is_allowed

# TorchServe itself refuses more than 8 KB of headers.
LARGEST = 16_384
_START = re.compile(rb"[A-Z]+ (?:/[^\s]*|\*) HTTP/1\.[01]")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ONCE = ("host", "origin", "content-length", "transfer-encoding", "sec-fetch-site")


class RefusedError(Exception):
    """The request is not passed on; `status` and the message are the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Head:
    """`fields` by name in lower case. `length` of the body in bytes, or None if it comes in chunks.

    `path` has no query.
    """

    fields: Mapping[str, str]
    length: int | None
    method: str = ""
    path: str = ""


def parse(head: bytes) -> Head:
    """Read a head, up to and including its empty line. Raises RefusedError."""
    start, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    if not _START.fullmatch(start):
        raise RefusedError(400, "this is not a valid HTTP/1.1 request")
    fields: dict[str, str] = {}
    for line in lines:
        before, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(before) or _CONTROL.search(value):
            raise RefusedError(400, "a header is not valid")
        name = before.decode().lower()
        if name in fields and name in _ONCE:
            raise RefusedError(400, f"the header {name} is there twice")
        fields[name] = value.strip(b" \t").decode("latin-1")
    method, target, _ = start.decode("latin-1").split(" ")
    return Head(fields, _body_length(fields), method, target.partition("?")[0])


def _body_length(fields: Mapping[str, str]) -> int | None:
    coding, length = fields.get("transfer-encoding"), fields.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise RefusedError(400, "use either Content-Length or Transfer-Encoding: chunked")
        return None
    if length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,15}", length):
        raise RefusedError(400, "Content-Length is not a number")
    return int(length)


def require_program(fields: Mapping[str, str], allowed: Collection[str]) -> None:
    """Raise RefusedError for a request that a web page may have sent, or for a host name that is not `allowed`.

    A browser names the page's origin in every request that can have an effect, and says since 2023 in each request
    whether a page caused it. A name that leads here (DNS rebinding) makes a page and this server look like one site;
    then only the name of the host, which is the page's, gives it away.
    """
    site = fields.get("sec-fetch-site", "none")
    if "origin" in fields or site != "none":
        raise RefusedError(403, "web pages may not use TorchServe; let them call the gateway")
    host = fields.get("host")
    if host is not None and not is_allowed(host, allowed):
        raise RefusedError(403, f"{host[:100]!r} is not a name of this server; the setting ALLOWED_HOSTS lists them")


def split(names: str) -> frozenset[str]:
    """Return the names of a comma-separated list, in lower case."""
    return frozenset(filter(None, (name.strip().lower() for name in names.split(","))))
