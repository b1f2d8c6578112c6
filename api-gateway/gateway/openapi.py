"""What OpenAPI says of every route's errors, and of options that a route reads by hand."""

from collections.abc import Mapping
from typing import Any

from gateway.error_bodies import shape_for
from gateway.errors import ApiError
from gateway.schemas import REQUEST_ID_EXAMPLE


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


def path_parameter(name: str, description: str, example: str) -> dict[str, Any]:
    """Describe a parameter in the address that the route reads itself: any text does, so it has no 422 of its own."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }


def error_answers(*kinds: type[ApiError], path: str = "/") -> dict[int | str, dict[str, Any]]:
    """Describe these errors for a route's ``responses``: one entry per status, an example per code.

    ``path`` is the route's, or a parent's: it decides how an error is told (:mod:`gateway.error_bodies`).
    """
    shape = shape_for(path)
    answers: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        answer = answers.setdefault(
            shape.status(kind.status),
            {"model": shape.schema, "description": "", "content": {"application/json": {"examples": {}}}},
        )
        answer["description"] = " or ".join(filter(None, [answer["description"], f"`{kind.code}`"]))
        answer["content"]["application/json"]["examples"][kind.code] = {
            "summary": (kind.__doc__ or "").splitlines()[0],
            "value": shape.body(kind(), REQUEST_ID_EXAMPLE),
        }
    return answers
