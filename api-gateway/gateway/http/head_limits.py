"""Bounds on what comes before a body: the address with its query string, the headers' bytes, their number."""

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import ApiError, HeadersTooLarge, UriTooLong
from gateway.http.errors import error_response


class HeadLimitsMiddleware:
    """Pure ASGI layer that answers 414 or 431.

    The server's parser bounds what it waits for, not what arrives in one piece, which may be 256 KB.
    """

    def __init__(self, app: ASGIApp, query_bytes: int, header_bytes: int, headers: int) -> None:
        self.app = app
        self.query_bytes = query_bytes
        self.header_bytes = header_bytes
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on or refuse it."""
        if scope["type"] == "http" and (error := self._too_much(scope)) is not None:
            await error_response(scope, error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _too_much(self, scope: Scope) -> ApiError | None:
        if len(scope["query_string"]) + len(scope.get("raw_path") or b"") > self.query_bytes:
            return UriTooLong(
                f"The address with its query string is longer than {self.query_bytes} bytes; "
                "send parameters as form fields."
            )
        if len(scope["headers"]) > self.headers:
            return HeadersTooLarge(f"The request has more than {self.headers} headers.")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self.header_bytes:
            return HeadersTooLarge(f"The request's headers are larger than {self.header_bytes} bytes.")
        return None
