"""What OpenAPI says of the errors that come from the layers around every route, whichever route it is."""

from typing import Any

from fastapi import FastAPI

from gateway.errors import ApiError, HeadersTooLarge, Overloaded, RateLimited, RequestTimeout, UriTooLong
from gateway.openapi import error_answers
from gateway.route_policy import policy_for


def errors_around(path: str, operation: dict[str, Any]) -> list[type[ApiError]]:
    """Return what can be answered before this operation is reached, or while its body is awaited."""
    kinds: list[type[ApiError]] = [UriTooLong, HeadersTooLarge]
    if policy_for(path).limited:
        kinds.append(RateLimited)
    if "requestBody" in operation:
        kinds += [RequestTimeout, Overloaded]
    return kinds


def add_errors(path: str, operation: dict[str, Any], kinds: list[type[ApiError]]) -> None:
    """Document errors of an operation beside those that it documents itself; what is there already stays."""
    for status, answer in error_answers(*kinds, path=path).items():
        schema = {"$ref": f"#/components/schemas/{answer['model'].__name__}"}
        content = answer["content"]["application/json"]
        new = {
            "description": answer["description"],
            "content": {"application/json": {"schema": schema, "examples": content["examples"]}},
        }
        present = operation["responses"].setdefault(str(status), new)
        media = present.setdefault("content", {}).setdefault("application/json", {"schema": schema})
        examples = media.setdefault("examples", {})
        for code, example in content["examples"].items():
            if code not in examples:
                examples[code] = example
                present["description"] += f" or `{code}`"
    operation["responses"] = dict(sorted(operation["responses"].items()))


def install_limit_descriptions(app: FastAPI) -> None:
    """Complete the document when it is first asked for."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            for path, operations in build()["paths"].items():
                for operation in operations.values():
                    add_errors(path, operation, errors_around(path, operation))
        return build()

    app.openapi = openapi  # type: ignore[method-assign]
