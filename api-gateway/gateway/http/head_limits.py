"""Bounds on a request's head: version and host, the length of the address, the bytes and the number of the headers."""

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import ApiError, HeadersTooLarge, InvalidRequest, UriTooLong
from gateway.http.errors import error_response

VERSIONS = ("1.0", "1.1")


class HeadLimitsMiddleware:
    """Pure ASGI layer that answers 400, 414 or 431.

    The protocol (:mod:`gateway.http.protocol`) bounds a head that comes in pieces; one piece may be 256 KB.
    """

    def __init__(self, app: ASGIApp, query_bytes: int, header_bytes: int, headers: int) -> None:
        self.app = app
        self.query_bytes = query_bytes
        self.header_bytes = header_bytes
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on or refuse it."""
        if scope["type"] == "http" and (error := self._find_error(scope)) is not None:
            await error_response(scope, error, {"Connection": "close"})(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _find_error(self, scope: Scope) -> ApiError | None:
        if len(scope["query_string"]) + len(scope.get("raw_path") or b"") > self.query_bytes:
            return UriTooLong(
                f"The address with its query string is longer than {self.query_bytes} bytes; "
                "send parameters as form fields."
            )
        headers, version = scope["headers"], scope["http_version"]
        if len(headers) > self.headers:
            return HeadersTooLarge(f"The request has more than {self.headers} headers.")
        if sum(len(name) + len(value) for name, value in headers) > self.header_bytes:
            return HeadersTooLarge(f"The request's headers are larger than {self.header_bytes} bytes.")
        hosts = sum(name == b"host" for name, _ in headers)
        if version not in VERSIONS or hosts > 1 or (hosts == 0 and version == "1.1"):
            return InvalidRequest()
        return None
