"""The gateways that a URL stands for: a host name in the DNS has the address of each."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

import httpx

from server_addresses import is_one_server, one_family

Resolve = Callable[[str], Sequence[str]]


def resolve(host: str) -> list[str]:
    """Return all addresses of a name. Raises OSError."""
    return one_family(str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))


def each(url: str, resolve: Resolve = resolve) -> list[str]:
    """Return a URL for each gateway, or `url` itself for one gateway and for a name that is not found.

    A certificate is for the name, so HTTPS is always one gateway.
    """
    try:
        parsed = httpx.URL(url)
        if parsed.scheme != "http" or is_one_server(parsed.host):
            return [url]
        found = resolve(parsed.host)
    except (httpx.InvalidURL, OSError):
        return [url]
    return [str(parsed.copy_with(host=address)).rstrip("/") for address in found] if len(found) > 1 else [url]
