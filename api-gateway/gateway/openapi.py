"""What OpenAPI says where the code reads requests and writes answers by hand."""

from typing import Any

from gateway.errors import ApiError, HeadersTooLarge, RateLimited, UriTooLong
from gateway.parameters import openapi_form_fields
from gateway.schemas import REQUEST_ID_EXAMPLE, ErrorResponse
from gateway.upload import FIELD

_BINARY = {"schema": {"type": "string", "format": "binary"}}

#: The two ways to send a picture.
PREDICT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {
                    FIELD: {"type": "string", "format": "binary", "description": "The picture"},
                    **openapi_form_fields(),
                },
            }
        },
        "image/*": _BINARY,
        "application/octet-stream": _BINARY,
    },
}


def error_answers(*kinds: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """Describe these errors for a route's ``responses``: one entry per status, an example per code."""
    answers: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        answer = answers.setdefault(
            kind.status,
            {"model": ErrorResponse, "description": "", "content": {"application/json": {"examples": {}}}},
        )
        answer["description"] = " or ".join(filter(None, [answer["description"], f"`{kind.code}`"]))
        answer["content"]["application/json"]["examples"][kind.code] = {
            "summary": (kind.__doc__ or "").splitlines()[0],
            "value": {
                "status": "error",
                "error": {"code": kind.code, "message": kind.default},
                "request_id": REQUEST_ID_EXAMPLE,
            },
        }
    return answers


#: Errors that come before any route; for every router.
AT_THE_DOOR = error_answers(UriTooLong, HeadersTooLarge)
#: For routers whose routes count against RATE_LIMIT.
LIMITED = error_answers(RateLimited)
