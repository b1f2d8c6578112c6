"""Host names: a gateway without authentication answers only under its own, which stops DNS rebinding.

A page whose name its owner lets lead to this machine is, for the browser, the same site as the gateway: nothing but the
Host header, which holds the page's name, tells them apart.
"""

import ipaddress
import re
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import HostRefused, printable
from gateway.http.errors import error_response

#: Longer than any name in the DNS, with a port.
_LONGEST = 300
_PORT = re.compile(r":[0-9]*$")


class HostsMiddleware:
    """Pure ASGI layer that answers 421 to a request for a foreign host name. One without any is no browser's."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self.app = app
        self.allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on or refuse it."""
        if scope["type"] == "http":
            host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)
            if host is not None and not is_own(host, self.allowed):
                error = HostRefused(
                    f"{printable(host)} is not a name of this gateway; the setting ALLOWED_HOSTS lists further ones."
                )
                await error_response(scope, error, {"Connection": "close"})(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_own(host: str, allowed: Collection[str]) -> bool:
    """Tell whether a Host header is an address, localhost, or one of the ``allowed`` names (in lower case).

    ``*`` allows every name, ``*.example.org`` every name below that one. An address is safe, whichever it is: a page
    cannot make an address lead elsewhere.
    """
    if len(host) > _LONGEST:
        return False
    name = _PORT.sub("", host).lower().removesuffix(".")
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        parents = {f"*{name[at:]}" for at in range(len(name)) if name[at] == "."}
        # Names below localhost always lead to the browser's own machine (RFC 6761).
        return name == "localhost" or "*.localhost" in parents or not {"*", name, *parents}.isdisjoint(allowed)
    return True
