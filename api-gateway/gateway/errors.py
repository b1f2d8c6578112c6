"""Every error that a client can get from the gateway; the table in docs/api.md explains each code.

The docstring of a class is its message to the client: what is wrong and how to fix it, never a path, a traceback or
text of the model server. Code that knows more passes a more precise message.
"""

# ruff: noqa: N818  (the module's name says that all of these are errors)

from collections.abc import Mapping
from math import ceil
from typing import ClassVar

#: A worker restarts within seconds.
_SOON = {"Retry-After": "1"}
#: Half of the request is still on its way, so this connection cannot be used again.
_CLOSE = {"Connection": "close"}


def _challenge(error: str = "") -> Mapping[str, str]:
    """Return the header that tells a client how to authenticate (RFC 6750)."""
    return {"WWW-Authenticate": 'Bearer realm="yolo-serving"' + (f', error="{error}"' if error else "")}


class ApiError(Exception):
    """An error with a status, a code for programs and a message for people."""

    status: ClassVar[int]
    code: ClassVar[str]
    default: ClassVar[str]
    #: Of the answer; those of the class, and what an instance adds.
    headers: Mapping[str, str]

    def __init_subclass__(cls, *, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        cls.status, cls.code, cls.headers = status, code, headers or {}
        cls.default = cls.__doc__ or code

    def __init__(self, message: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        self.message = message or self.default
        if headers:
            self.headers = {**self.headers, **headers}
        super().__init__(self.message)


class InvalidImage(ApiError, status=400, code="invalid_image"):
    """The image cannot be decoded: it is empty, cut short or damaged."""


class InvalidForm(ApiError, status=400, code="invalid_form"):
    """The multipart form cannot be read: its boundary is missing or its parts are malformed."""


class InvalidJson(ApiError, status=400, code="invalid_json"):
    """The body is not the expected JSON: {"image": "<base64>"} or {"url": "https://…"}."""


class InvalidBase64(ApiError, status=400, code="invalid_base64"):
    """The image is not valid base64 (RFC 4648)."""


class InvalidRequest(ApiError, status=400, code="invalid_request"):
    """This is not a valid HTTP/1.1 request."""


class InvalidInferRequest(ApiError, status=400, code="invalid_infer_request"):
    """The inference request cannot be read; GET /v2/models/MODEL describes inputs and outputs."""


class Unauthenticated(ApiError, status=401, code="unauthenticated", headers=_challenge()):
    """An API key or token is required: send 'X-API-Key: KEY' or 'Authorization: Bearer KEY_OR_TOKEN'."""


class InvalidCredentials(ApiError, status=401, code="invalid_credentials", headers=_challenge("invalid_token")):
    """This key or token is not valid; ask the operator of this service for a new one."""


class UrlNotAllowed(ApiError, status=403, code="url_not_allowed"):
    """Images by URL are disabled (URL_ALLOW is empty); send the image itself."""


class OriginRefused(ApiError, status=403, code="origin_refused"):
    """Pages of this origin may not send this request; the setting CORS_ORIGINS lists the origins that may."""


class InsufficientScope(ApiError, status=403, code="insufficient_scope", headers=_challenge("insufficient_scope")):
    """Your key or token does not have the scope that this address requires."""


class NotFound(ApiError, status=404, code="not_found"):
    """There is nothing at this address; GET /docs lists every route."""


class ModelNotFound(ApiError, status=404, code="model_not_found"):
    """This model is not served; GET /models lists those that are."""


class VersionNotFound(ApiError, status=404, code="version_not_found"):
    """This version of the model is not served; GET /models lists those that are."""


class MethodNotAllowed(ApiError, status=405, code="method_not_allowed"):
    """This address does not accept this method; the Allow header lists those that it accepts."""


class NotAcceptable(ApiError, status=406, code="not_acceptable"):
    """None of the media types in the Accept header is available; application/json is."""


class RequestTimeout(ApiError, status=408, code="request_timeout", headers=_CLOSE):
    """The request arrived too slowly; send it again over a better connection, or send a smaller image."""


class BodyTooLarge(ApiError, status=413, code="body_too_large"):
    """The body is larger than the model server accepts."""


class ImageTooLarge(ApiError, status=413, code="image_too_large"):
    """The image has more pixels than are allowed; scale it down."""


class UriTooLong(ApiError, status=414, code="uri_too_long"):
    """The address with its query string is too long; send parameters as form fields."""


class UnsupportedImage(ApiError, status=415, code="unsupported_image"):
    """This is not an image in a supported format."""


class UnsupportedMediaType(ApiError, status=415, code="unsupported_media_type"):
    """Send a multipart form with the image in the field 'file', the image itself as image/*, or JSON."""


class InvalidParameter(ApiError, status=422, code="invalid_parameter"):
    """A parameter is not valid."""


class BoxTooSmall(ApiError, status=422, code="box_too_small"):
    """The detection is too small for the second model to see anything in it."""


class MissingFile(ApiError, status=422, code="missing_file"):
    """The form has no file in the field 'file'."""


class TooManyFiles(ApiError, status=422, code="too_many_files"):
    """The form has more than one file; send one image per request."""


class UrlFailed(ApiError, status=422, code="url_failed"):
    """The image could not be downloaded from its URL."""


class HostRefused(ApiError, status=421, code="host_refused"):
    """This is not a name of this gateway; the setting ALLOWED_HOSTS lists those that are."""


class RateLimited(ApiError, status=429, code="rate_limited"):
    """Too many requests; the Retry-After header says in how many seconds the next one is accepted."""


class HeadersTooLarge(ApiError, status=431, code="headers_too_large"):
    """The request's headers are too large or too many."""


class ClientClosed(ApiError, status=499, code="client_closed"):  # nginx's status; seen only in our log and metrics
    """The client closed the connection."""


class InternalError(ApiError, status=500, code="internal_error"):
    """The gateway failed; its log has the details under this request_id."""


class StatisticsNotKept(ApiError, status=501, code="statistics_not_kept"):
    """The protocol's statistics are not kept; GET /models has requests, errors and latency of each version."""


class UpstreamError(ApiError, status=502, code="backend_error"):
    """The model server failed on this request; its log has the details under this request_id."""


class AuthUnavailable(ApiError, status=503, code="auth_unavailable", headers={"Retry-After": "10"}):
    """Credentials cannot be checked at the moment; try again in a few seconds."""


class UpstreamUnavailable(ApiError, status=503, code="backend_unavailable", headers=_SOON):
    """The model server cannot be reached; try again in a moment."""


class ModelNotReady(ApiError, status=503, code="model_not_ready", headers=_SOON):
    """The model is not ready; try again in a moment."""


class Overloaded(ApiError, status=503, code="overloaded", headers=_SOON):
    """The server is at capacity; try again in a moment."""

    def __init__(self, message: str | None = None, *, retry_after_s: float = 1) -> None:
        super().__init__(message, {"Retry-After": str(max(1, ceil(retry_after_s)))})


class UpstreamTimeout(ApiError, status=504, code="backend_timeout"):
    """The model server did not answer in time."""


Kinds = tuple[type[ApiError], ...]
#: Why an image may be refused, why an upload may be refused, and how the model server may fail.
IMAGE: Kinds = (InvalidImage, ImageTooLarge, UnsupportedImage)
UPLOAD: Kinds = (
    *(BodyTooLarge, UnsupportedMediaType, InvalidRequest, InvalidForm),
    *(MissingFile, TooManyFiles, InvalidParameter),
)
UPSTREAM: Kinds = (InternalError, UpstreamError, UpstreamUnavailable, ModelNotReady, Overloaded, UpstreamTimeout)


def printable(text: str, limit: int = 60) -> str:
    """Quote what a client sent so that it can stand in a message: one line, nothing invisible, cut at ``limit``."""
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: limit + 1])
    return f"'{clean[:limit]}…'" if len(clean) > limit else f"'{clean}'"
