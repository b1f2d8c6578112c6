"""What OpenAPI says of every route's errors, and of options that a route reads by hand."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import ApiError
from gateway.schemas import REQUEST_ID_EXAMPLE, ErrorResponse


def option_parameters(options: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Describe options as OpenAPI query parameters."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema["description"],
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
        for name, schema in options.items()
    ]


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
