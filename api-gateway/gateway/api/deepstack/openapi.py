"""DeepStack's routes in OpenAPI: bodies, answers and errors."""

from typing import Any

from gateway import errors
from gateway.api.deepstack.schemas import (
    FIELD,
    DeepStackListResponse,
    DeepStackOptions,
    DeepStackResponse,
)
from gateway.api.openapi.document import error_answers, example_answer, example_of, operation, path_parameter
from gateway.api.openapi.headers import ANSWER_HEADERS
from gateway.api.openapi.images import BINARY, BYTES
from gateway.api.openapi.options import form_fields
from gateway.http.errors import DEEPSTACK

_ERRORS: errors.Kinds = (*errors.IMAGE, *errors.UPLOAD, errors.VersionNotFound, *errors.UPSTREAM)
_ANSWER = example_answer(example_of(DeepStackResponse))
_FORM = {
    "schema": {
        "type": "object",
        "required": [FIELD],
        "properties": {FIELD: {**BINARY, "description": "The image"}, **form_fields(DeepStackOptions)},
    },
    "example": {FIELD: BYTES, "min_confidence": 0.5},
}


def _detection(*more_errors: type[errors.ApiError], **extra: Any) -> Any:
    return {
        "response_model": DeepStackResponse,
        "responses": {
            200: {**_ANSWER[200], "headers": ANSWER_HEADERS},
            **error_answers(*_ERRORS, *more_errors, path=f"{DEEPSTACK}/"),
        },
        "openapi_extra": {"requestBody": {"required": True, "content": {"multipart/form-data": _FORM}}, **extra},
    }


#: The arguments of the routes.
DETECTION = _detection()
CUSTOM = _detection(
    errors.ModelNotFound, parameters=[path_parameter("name", "The served model's name, or `yolo`", "yolo")]
)
LIST = operation(example_of(DeepStackListResponse), errors.InternalError, path=f"{DEEPSTACK}/")
