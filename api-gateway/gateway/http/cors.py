"""Which other sites' pages may call the gateway: none, unless CORS_ORIGINS names them."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.api.answer_headers import DETECTIONS_HEADER, TIMING_HEADER
from gateway.api.caching import AGE_HEADER, STATUS_HEADER
from gateway.api.caching import REQUEST_HEADER as CACHE_CONTROL
from gateway.api.versioning import CLIENT_KEY_HEADER, VERSION_HEADER
from gateway.auth.credentials import KEY_HEADER
from gateway.errors import OriginRefused
from gateway.http.errors import error_response
from gateway.http.request_id import HEADER as REQUEST_ID_HEADER
from gateway.limits.rate_limit import LIMIT, POLICY, REMAINING, RESET
from gateway.oip.messages import HEAD_LENGTH_HEADER

METHODS = ("GET", "HEAD", "POST")
#: What a page may send…
REQUEST_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    KEY_HEADER,
    CACHE_CONTROL,
    CLIENT_KEY_HEADER,
    HEAD_LENGTH_HEADER,
    REQUEST_ID_HEADER,
    VERSION_HEADER,
)
#: …and read.
ANSWER_HEADERS = (
    "Retry-After",
    AGE_HEADER,
    DETECTIONS_HEADER,
    HEAD_LENGTH_HEADER,
    LIMIT,
    POLICY,
    REMAINING,
    REQUEST_ID_HEADER,
    RESET,
    STATUS_HEADER,
    TIMING_HEADER,
    VERSION_HEADER,
)
PREFLIGHT_S = 600


class CorsMiddleware(CORSMiddleware):
    """Starlette's layer without cookies, and with the gateway's own error body.

    It answers preflights itself, so it stands outside of what authenticates: a browser sends those without a key.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=ANSWER_HEADERS,
            max_age=PREFLIGHT_S,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight; one that is refused says why to whoever looks at it."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        return error_response({}, OriginRefused(), {"Vary": "Origin"})
