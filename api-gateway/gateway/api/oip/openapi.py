"""Inference in OpenAPI: its bodies and answers, which are read and written by hand."""

from typing import Any

from gateway import errors
from gateway.api.oip.schemas import InferAnswer, InferBody
from gateway.api.openapi.document import error_answers, path_parameter
from gateway.api.openapi.headers import ANSWER_HEADERS, header_parameter
from gateway.api.openapi.images import BINARY, PIXEL
from gateway.api.openapi.options import inline_schema
from gateway.http.errors import OIP
from gateway.http.headers import HEAD_LENGTH_HEADER
from gateway.oip.layout import INPUT

NAME = path_parameter("name", "The served model's name", "yolo")
VERSION = path_parameter("version", "One of its loaded versions", "1.0")
_LENGTH = {"type": "integer", "minimum": 0}

_REQUEST = {
    "id": "42",
    "parameters": {"conf": 0.5},
    "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1], "data": [PIXEL]}],
    "outputs": [{"name": "boxes"}, {"name": "scores"}, {"name": "labels"}],
}
_ANSWER = {
    "model_name": "yolo",
    "model_version": "1.0",
    "id": "42",
    "outputs": [
        {"name": "boxes", "datatype": "FP32", "shape": [1, 4], "data": [245.3, 184.2, 456.8, 298.1]},
        {"name": "scores", "datatype": "FP32", "shape": [1], "data": [0.89]},
        {"name": "labels", "datatype": "BYTES", "shape": [1], "data": ["person"]},
    ],
}
_BINARY_BODY = {**BINARY, "description": f"The same JSON, as long as {HEAD_LENGTH_HEADER} says, then binary data"}
_INVALID: errors.Kinds = (
    errors.InvalidRequest,
    errors.InvalidInferRequest,
    errors.InvalidBase64,
    errors.InvalidParameter,
    errors.TooManyFiles,
)
_REFUSED: errors.Kinds = (
    errors.BodyTooLarge,
    errors.UnsupportedMediaType,
    errors.ModelNotFound,
    errors.VersionNotFound,
)
_OK: dict[str, Any] = {
    "model": InferAnswer,
    "description": "The requested outputs",
    "headers": {
        **ANSWER_HEADERS,
        HEAD_LENGTH_HEADER: {"description": "Bytes of JSON before binary data", "schema": _LENGTH},
    },
    "content": {"application/json": {"example": _ANSWER}, "application/octet-stream": {"schema": BINARY}},
}


def infer_operation(*path_parameters: dict[str, Any]) -> Any:
    """Return the arguments of a route that takes inference requests."""
    length = header_parameter(
        HEAD_LENGTH_HEADER, "Bytes of JSON before binary data; 0: the body is one image, without any JSON", _LENGTH
    )
    content = {
        "application/json": {"schema": inline_schema(InferBody), "example": _REQUEST},
        "application/octet-stream": {"schema": _BINARY_BODY},
    }
    return {
        "responses": {200: _OK, **error_answers(*errors.IMAGE, *_INVALID, *_REFUSED, *errors.UPSTREAM, path=OIP)},
        "openapi_extra": {
            "requestBody": {"required": True, "content": content},
            "parameters": [*path_parameters, length],
        },
    }
