"""The shape of an error by address: our own, and those that clients of the protocols served here can read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gateway.api.deepstack.schemas import DeepStackErrorResponse
from gateway.api.oip.schemas import OipErrorResponse
from gateway.api.schemas import ErrorResponse
from gateway.errors import ApiError

#: A parent of every address of the Open Inference Protocol, and of DeepStack's.
OIP, DEEPSTACK = "/v2", "/v1/vision"


@dataclass(frozen=True, slots=True)
class ErrorShape:
    """How errors are told below one prefix; ``status`` may replace one that clients there do not know."""

    schema: type[BaseModel]
    body: Callable[[ApiError, str | None], Mapping[str, Any]]
    status: Callable[[int], int] = lambda status: status


def shape_for(path: str) -> ErrorShape:
    """Return the shape of errors at this address."""
    if path == OIP or path.startswith(f"{OIP}/"):
        return _OIP
    return _DEEPSTACK if path.startswith(f"{DEEPSTACK}/") else _OWN


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

_OWN = ErrorShape(ErrorResponse, _own)
_OIP = ErrorShape(OipErrorResponse, _oip)
_DEEPSTACK = ErrorShape(DeepStackErrorResponse, _deepstack, lambda status: _DEEPSTACK_STATUS.get(status, status))
