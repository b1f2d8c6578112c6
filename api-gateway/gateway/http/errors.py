"""From an error to an answer: one JSON body for every error, in the shape that clients of the address can read."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import ApiError, InternalError
from gateway.http.caller import ERROR_CODE
from gateway.http.observe import current_request_id
from gateway.strict_json import compact

logger = logging.getLogger("gateway.errors")

#: A parent of every address of the Open Inference Protocol, and of DeepStack's.
OIP, DEEPSTACK = "/v2", "/v1/vision"


@dataclass(frozen=True, slots=True)
class ErrorShape:
    """The form of errors below one prefix; ``status`` replaces statuses that clients there do not know."""

    body: Callable[[ApiError, str | None], Mapping[str, Any]]
    status: Callable[[int], int] = lambda status: status


def shape_for(path: str) -> ErrorShape:
    """Return the shape of errors at this address."""
    if path == OIP or path.startswith(f"{OIP}/"):
        return OIP_SHAPE
    return DEEPSTACK_SHAPE if path.startswith(f"{DEEPSTACK}/") else OWN_SHAPE


def _own(error: ApiError, request_id: str | None) -> Mapping[str, Any]:
    return {
        "status": "error",
        "error": {"code": error.code, "message": error.message},
        "request_id": request_id,
    }


def _oip(error: ApiError, request_id: str | None) -> Mapping[str, Any]:
    # The protocol's own body is {"error": TEXT}; clients ignore the rest.
    return {"error": error.message, "status": "error", "code": error.code, "request_id": request_id}


def _deepstack(error: ApiError, request_id: str | None) -> Mapping[str, Any]:
    return {"success": False, "error": error.message, "code": error.code, "request_id": request_id}


#: DeepStack has 400 for everything that is wrong with a form or a picture, and its SDK knows no other.
_DEEPSTACK_STATUS = {415: 400, 422: 400}

OWN_SHAPE = ErrorShape(_own)
OIP_SHAPE = ErrorShape(_oip)
DEEPSTACK_SHAPE = ErrorShape(_deepstack, lambda status: _DEEPSTACK_STATUS.get(status, status))


def error_response(
    scope: Scope, error: ApiError, headers: Mapping[str, str] | None = None, request_id: str | None = None
) -> Response:
    """Render the error as clients of this address read it, and note its code for the log.

    The gateway's own body is ``{"status": "error", "error": {"code", "message"}, "request_id"}``; for the others see
    :func:`shape_for`. ``request_id`` is that of the current request unless given.
    """
    scope[ERROR_CODE] = error.code
    shape = shape_for(scope.get("path", "/"))
    return Response(
        compact(shape.body(error, request_id or current_request_id())),
        shape.status(error.status),
        headers={**error.headers, **(headers or {})},
        media_type="application/json",
    )


def error_body(error: ApiError, request_id: str | None = None) -> dict[str, Any]:
    """Build our own body of an error; without ``request_id`` it carries that of the request being answered."""
    return dict(shape_for("/").body(error, request_id or current_request_id()))


class UnhandledErrorMiddleware:
    """Pure ASGI layer: a bug becomes a logged traceback and a plain 500, inside the request id and the access log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; answer 500 if it raises."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting_send)
        except Exception:
            logger.exception("unhandled error")
            if started:
                raise  # half an answer is out: the server must break the connection, not append to it
            await error_response(scope, InternalError())(scope, receive, send)
