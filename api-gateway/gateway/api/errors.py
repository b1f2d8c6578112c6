"""From any exception to the error that the client receives."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from gateway import errors
from gateway.api.addresses import not_found
from gateway.http.errors import error_response
from gateway.model_server import errors as backend

logger = logging.getLogger("gateway.errors")

#: The error for each fault of a model server; a class comes before its base.
FAULTS: Mapping[type[backend.BackendFault], type[errors.ApiError]] = {
    backend.BackendOverloaded: errors.Overloaded,
    backend.BackendUnavailable: errors.UpstreamUnavailable,
    backend.BackendTimeout: errors.UpstreamTimeout,
    backend.BackendNoSuchVersion: errors.VersionNotFound,
    backend.BackendFault: errors.UpstreamError,
}
REJECTIONS: Mapping[backend.Rejection, type[errors.ApiError]] = {
    "invalid_image": errors.InvalidImage,
    "unsupported_image": errors.UnsupportedImage,
    "image_too_large": errors.ImageTooLarge,
    "body_too_large": errors.BodyTooLarge,
    "invalid_parameter": errors.InvalidParameter,
}
#: The errors that the framework raises.
HTTP_ERRORS: Mapping[int, type[errors.ApiError]] = {
    400: errors.InvalidForm,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.BodyTooLarge,
}

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def noted(error: Exception) -> errors.ApiError:
    """Convert an exception as :func:`as_api_error` does, and log what the client is not told."""
    api_error = as_api_error(error)
    if isinstance(error, backend.BackendFault) and api_error.status >= 500:
        detail = {"fault": type(error).__name__, "detail": str(error)}
        logger.warning("the model server failed", extra=detail)
    return api_error


def as_api_error(error: Exception) -> errors.ApiError:
    """Convert an exception into the error for the client, which contains no internals."""
    match error:
        case errors.ApiError():
            return error
        case backend.BackendRejected():
            return REJECTIONS[error.kind](error.message)
        case backend.BackendNotReady():
            return errors.ModelNotReady(f"The model is not ready: {error.reason}. Try again in a moment.")
        case backend.BackendFault():
            return next(answer for fault, answer in FAULTS.items() if isinstance(error, fault))()
        case HTTPException():
            return HTTP_ERRORS.get(error.status_code, errors.InternalError)()
        case RequestValidationError():
            problems = (f"{'.'.join(str(part) for part in p['loc'][1:])}: {p['msg']}" for p in error.errors())
            return errors.InvalidParameter("; ".join(problems))
        case ClientDisconnect():
            return errors.ClientClosed()
        case _:
            return errors.InternalError()


def install_error_handlers(app: FastAPI) -> None:
    """Register the answer for each kind of exception; ``UnhandledErrorMiddleware`` catches the others."""

    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == errors.NotFound.status:
            error = not_found(app, request.scope)
        headers = getattr(error, "headers", None)
        if isinstance(error, HTTPException) and error.status_code == errors.MethodNotAllowed.status:
            headers = {**(headers or {}), "Allow": ", ".join(allowed_methods(app, request.scope))}
        return error_response(request.scope, noted(error), headers)

    for kind in (errors.ApiError, backend.BackendFault, HTTPException, RequestValidationError, ClientDisconnect):
        app.add_exception_handler(kind, answer)


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Return the methods that the address of ``scope`` accepts.

    Starlette's own ``Allow`` has only those of the first route with that address. Each address that accepts GET accepts
    HEAD (:mod:`gateway.http.head`).
    """
    asked_with = {"HEAD": "GET"}
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**scope, "method": asked_with.get(method, method)})[0] is Match.FULL for route in app.routes
        )
    ]
