"""CORS: pages of other sites may call the gateway only if CORS_ORIGINS names their origin."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.errors import OriginRefused
from gateway.http.errors import error_response
from gateway.http.headers import (
    AGE_HEADER,
    API_KEY_HEADER,
    CACHE_CONTROL_HEADER,
    CACHE_STATUS_HEADER,
    CLIENT_KEY_HEADER,
    DETECTIONS_HEADER,
    HEAD_LENGTH_HEADER,
    PRIORITY_HEADER,
    RATE_LIMIT_HEADER,
    RATE_POLICY_HEADER,
    RATE_REMAINING_HEADER,
    RATE_RESET_HEADER,
    REQUEST_ID_HEADER,
    TIMEOUT_HEADER,
    TIMING_HEADER,
    VERSION_HEADER,
)

METHODS = ("GET", "HEAD", "POST")
#: What a page may send…
REQUEST_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    API_KEY_HEADER,
    CACHE_CONTROL_HEADER,
    CLIENT_KEY_HEADER,
    HEAD_LENGTH_HEADER,
    PRIORITY_HEADER,
    REQUEST_ID_HEADER,
    TIMEOUT_HEADER,
    VERSION_HEADER,
)
#: …and read.
ANSWER_HEADERS = (
    "Retry-After",
    AGE_HEADER,
    DETECTIONS_HEADER,
    HEAD_LENGTH_HEADER,
    RATE_LIMIT_HEADER,
    RATE_POLICY_HEADER,
    RATE_REMAINING_HEADER,
    REQUEST_ID_HEADER,
    RATE_RESET_HEADER,
    CACHE_STATUS_HEADER,
    TIMING_HEADER,
    VERSION_HEADER,
)
PREFLIGHT_S = 600


class CorsMiddleware(CORSMiddleware):
    """Starlette's layer without cookies, and with the gateway's own error body.

    It answers preflights itself, outside of authentication: a browser sends them without a key.
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
        """Answer a preflight; a refused one says why in its body."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        return error_response({}, OriginRefused(), {"Vary": "Origin"})
