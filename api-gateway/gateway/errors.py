"""Every error a client can get from the gateway, as one tree.

::

    ApiError
    ├── InvalidImage          400 invalid_image           empty, cut short, undecodable
    ├── InvalidForm           400 invalid_form            broken multipart
    ├── InvalidJson           400 invalid_json            not JSON, or not the object that is expected
    ├── InvalidBase64         400 invalid_base64          the text of a picture in JSON
    ├── InvalidRequest        400 invalid_request         not HTTP, before there is a route
    ├── InvalidInferRequest   400 invalid_infer_request   no inference request of the Open Inference Protocol
    ├── Unauthenticated       401 unauthenticated         no key or token, where one is needed
    ├── InvalidCredentials    401 invalid_credentials     unknown, revoked, expired, wrongly signed
    ├── UrlNotAllowed         403 url_not_allowed         an address that pictures are not fetched from
    ├── OriginRefused         403 origin_refused          a preflight from a site that CORS_ORIGINS does not name
    ├── InsufficientScope     403 insufficient_scope      known, and may not do this
    ├── NotFound              404 not_found
    ├── ModelNotFound         404 model_not_found         the address names a model that is not served
    ├── VersionNotFound       404 version_not_found       the version that the request names is not served
    ├── MethodNotAllowed      405 method_not_allowed
    ├── NotAcceptable         406 not_acceptable          Accept leaves nothing to answer with
    ├── RequestTimeout        408 request_timeout         headers or body come too slowly
    ├── BodyTooLarge          413 body_too_large          bytes
    ├── ImageTooLarge         413 image_too_large         pixels
    ├── UriTooLong            414 uri_too_long            the address with its query string
    ├── UnsupportedImage      415 unsupported_image       not a picture, or in a format that is not read
    ├── UnsupportedMediaType  415 unsupported_media_type  neither a form, nor raw bytes, nor JSON
    ├── InvalidParameter      422 invalid_parameter
    ├── MissingFile           422 missing_file
    ├── TooManyFiles          422 too_many_files
    ├── UrlFailed             422 url_failed              the picture could not be had from its address
    ├── RateLimited           429 rate_limited            more requests than RATE_LIMIT
    ├── HeadersTooLarge       431 headers_too_large       bytes or number of headers
    ├── ClientClosed          499 client_closed           for our log: nobody is there to read it
    ├── InternalError         500 internal_error          our fault
    ├── UpstreamError         502 backend_error           the model server failed
    ├── AuthUnavailable       503 auth_unavailable        the key file or the issuer's keys cannot be had
    ├── UpstreamUnavailable   503 backend_unavailable     the model server cannot be reached
    ├── ModelNotReady         503 model_not_ready         no worker has the model loaded
    ├── Overloaded            503 overloaded              the gateway or the model server takes no more work for now
    └── UpstreamTimeout       504 backend_timeout

``message`` goes to the client: what is wrong and how to mend it, never a path, a traceback or upstream text.
"""

# ruff: noqa: N818  (the name says what happened; that all of these are errors, the module says)

from collections.abc import Mapping
from typing import ClassVar

#: Whoever is told to come back is told when: restarts of a worker take seconds.
_SOON: Mapping[str, str] = {"Retry-After": "1"}


class ApiError(Exception):
    """An error with a status, a code for programs and a message for people."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    default: ClassVar[str] = "Something went wrong in the gateway; its log has the details under this request_id."
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.default
        super().__init__(self.message)


class InvalidImage(ApiError):
    """The bytes claim to be a picture and are not a whole one."""

    status, code = 400, "invalid_image"
    default = "The picture cannot be decoded: it is empty, cut short or damaged."


class InvalidForm(ApiError):
    """The multipart body cannot be parsed."""

    status, code = 400, "invalid_form"
    default = "The multipart form cannot be read: its boundary is missing or its parts are malformed."


class InvalidJson(ApiError):
    """The JSON body cannot be read, or is not the object that is expected."""

    status, code = 400, "invalid_json"
    default = 'The body is not the JSON that is expected here: {"image": "<base64>"} or {"url": "https://…"}.'


class InvalidBase64(ApiError):
    """The picture's text in a JSON body is not base64."""

    status, code = 400, "invalid_base64"
    default = "The picture is not valid base64 (RFC 4648: the standard alphabet, padded, no line breaks)."


class UrlNotAllowed(ApiError):
    """Pictures are not fetched from this address."""

    status, code = 403, "url_not_allowed"
    default = "Pictures by URL are switched off here (URL_ALLOW is empty); send the picture itself."


class InvalidRequest(ApiError):
    """The bytes are no HTTP/1.1 request, or one that breaks its own rules."""

    status, code = 400, "invalid_request"
    default = "This is no valid HTTP/1.1 request."


class OriginRefused(ApiError):
    """Another site's page asks, and ``CORS_ORIGINS`` does not name it, or it wants what none may."""

    status, code = 403, "origin_refused"
    default = "Pages of this origin may not send this request; CORS_ORIGINS in the gateway's settings says which may."


class Unauthenticated(ApiError):
    """The request shows no key or token, and this address needs one."""

    status, code = 401, "unauthenticated"
    default = "This address needs an API key or a token: send 'X-API-Key: KEY' or 'Authorization: Bearer KEY_OR_TOKEN'."
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="yolo-serving"'}


class InvalidCredentials(ApiError):
    """The key or token is unknown, revoked, expired, or not meant for here."""

    status, code = 401, "invalid_credentials"
    default = "This key or token is not valid here; ask whoever runs this service for a new one."
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="yolo-serving", error="invalid_token"'}


class InsufficientScope(ApiError):
    """The caller is known and may not do this."""

    status, code = 403, "insufficient_scope"
    default = "Your key or token does not have the scope that this address needs."
    headers: ClassVar[Mapping[str, str]] = {
        "WWW-Authenticate": 'Bearer realm="yolo-serving", error="insufficient_scope"'
    }


class AuthUnavailable(ApiError):
    """Keys and tokens cannot be checked now."""

    status, code = 503, "auth_unavailable"
    default = "Credentials cannot be checked at the moment; try again in some seconds."
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "10"}


class InvalidInferRequest(ApiError):
    """The body is no inference request of the Open Inference Protocol for this model."""

    status, code = 400, "invalid_infer_request"
    default = "The inference request cannot be read; GET /v2/models/MODEL describes inputs and outputs."


class NotFound(ApiError):
    """No such route."""

    status, code = 404, "not_found"
    default = "There is nothing at this address; GET /docs lists every route."


class MethodNotAllowed(ApiError):
    """The route exists for other methods."""

    status, code = 405, "method_not_allowed"
    default = "This address does not take this method; the Allow header says which it takes."


class NotAcceptable(ApiError):
    """The Accept header leaves nothing to answer with."""

    status, code = 406, "not_acceptable"
    default = "The Accept header leaves nothing to answer with; there is application/json."


class RequestTimeout(ApiError):
    """The headers or the body of the request come too slowly."""

    status, code = 408, "request_timeout"
    default = "The request came too slowly; send it again over a better connection, or send a smaller picture."
    #: Half a request is still on its way: this connection cannot be used again.
    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class BodyTooLarge(ApiError):
    """More bytes than ``MAX_BODY_BYTES``."""

    status, code = 413, "body_too_large"
    default = "The body is larger than the model server takes."


class ImageTooLarge(ApiError):
    """More pixels than ``MAX_IMAGE_PIXELS``."""

    status, code = 413, "image_too_large"
    default = "The picture has more pixels than are allowed; scale it down."


class UriTooLong(ApiError):
    """A longer address with its query string than ``MAX_QUERY_BYTES``."""

    status, code = 414, "uri_too_long"
    default = "The address with its query string is too long; send parameters as form fields."


class UnsupportedImage(ApiError):
    """Not a picture, or one in a format that is not read."""

    status, code = 415, "unsupported_image"
    default = "This is no picture in a format that is read here."


class UnsupportedMediaType(ApiError):
    """The Content-Type is neither a multipart form, nor raw picture bytes, nor JSON."""

    status, code = 415, "unsupported_media_type"
    default = "Send a multipart form with the picture in the field 'file', the picture itself as image/*, or JSON."


class InvalidParameter(ApiError):
    """A parameter is out of bounds, unknown or contradictory."""

    status, code = 422, "invalid_parameter"
    default = "A parameter is not valid."


class MissingFile(ApiError):
    """The form has no file in the expected field."""

    status, code = 422, "missing_file"
    default = "The form has no file in the field 'file'."


class TooManyFiles(ApiError):
    """The form has several files where one is expected."""

    status, code = 422, "too_many_files"
    default = "The form has more than one file; send one picture per request."


class UrlFailed(ApiError):
    """The picture could not be had from its address."""

    status, code = 422, "url_failed"
    default = "The picture could not be fetched from its address."


class ModelNotFound(ApiError):
    """The address names a model that is not served."""

    status, code = 404, "model_not_found"
    default = "This model is not served here; GET /models lists those that are."


class VersionNotFound(ApiError):
    """The version of the model that the request names is not served."""

    status, code = 404, "version_not_found"
    default = "This version of the model is not served; GET /models lists those that are."


class RateLimited(ApiError):
    """More requests than ``RATE_LIMIT`` allows this caller."""

    status, code = 429, "rate_limited"
    default = "Too many requests; the Retry-After header says in how many seconds the next one is taken."


class HeadersTooLarge(ApiError):
    """More header bytes than ``MAX_HEADER_BYTES``, or more headers than ``MAX_HEADERS``."""

    status, code = 431, "headers_too_large"
    default = "The request's headers are too large or too many."


class ClientClosed(ApiError):
    """The client went away. 499 is nginx's status for it; it only ever shows in our log and metrics."""

    status, code = 499, "client_closed"
    default = "The client closed the connection."


class InternalError(ApiError):
    """A fault of the gateway itself."""


class UpstreamError(ApiError):
    """The model server failed, or answered nonsense."""

    status, code = 502, "backend_error"
    default = "The model server failed on this request; its log has the details under this request_id."


class UpstreamUnavailable(ApiError):
    """The model server cannot be reached."""

    status, code = 503, "backend_unavailable"
    default = "The model server cannot be reached; try again in a moment."
    headers = _SOON


class ModelNotReady(ApiError):
    """The model server is there, and no worker has the model loaded."""

    status, code = 503, "model_not_ready"
    default = "The model is not ready; try again in a moment."
    headers = _SOON


class Overloaded(ApiError):
    """The gateway or the model server takes no more work for now."""

    status, code = 503, "overloaded"
    default = "There are as many requests as can be held; try again in a moment."
    headers = _SOON


class UpstreamTimeout(ApiError):
    """The model server took too long."""

    status, code = 504, "backend_timeout"
    default = "The model server did not answer in time."


#: What a question to the model server may end in, whatever was asked.
UPSTREAM: tuple[type[ApiError], ...] = (
    InternalError,
    UpstreamError,
    UpstreamUnavailable,
    ModelNotReady,
    Overloaded,
    UpstreamTimeout,
)


def printable(text: str, limit: int = 60) -> str:
    """Quote what a client sent so that it can stand in a message: one line, nothing invisible, cut at ``limit``."""
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: limit + 1])
    return f"'{clean[:limit]}…'" if len(clean) > limit else f"'{clean}'"
