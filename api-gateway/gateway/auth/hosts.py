"""Host names: a gateway without authentication answers only under its own, which stops DNS rebinding."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import HostRefused, printable
from gateway.http.errors import error_response
from host_names import is_allowed


class HostsMiddleware:
    """Pure ASGI layer that answers 421 to a request for a foreign host name. One without any is no browser's."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self.app = app
        self.allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on or refuse it."""
        if scope["type"] == "http":
            host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)
            if host is not None and not is_allowed(host, self.allowed):
                error = HostRefused(
                    f"{printable(host)} is not a name of this gateway; the setting ALLOWED_HOSTS lists further ones."
                )
                await error_response(scope, error, {"Connection": "close"})(scope, receive, send)
                return
        await self.app(scope, receive, send)
