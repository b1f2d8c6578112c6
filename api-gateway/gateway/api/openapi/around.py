"""What the layers around the routes add to the OpenAPI document: their errors, and the credentials they require."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway import errors
from gateway.api.openapi.document import error_answers
from gateway.http.headers import API_KEY_HEADER
from gateway.http.policy import needed_scope, policy_for

SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER, "description": "A key of `scripts/keys.sh`."},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "The same key, or a JWT of the configured issuer."},
}
REFUSALS: errors.Kinds = (
    *(errors.Unauthenticated, errors.InvalidCredentials),
    *(errors.InsufficientScope, errors.AuthUnavailable),
)


def install_descriptions(app: FastAPI, authenticated: bool, metrics_public: bool) -> None:
    """Complete the document at its first request.

    Building it takes half a second or more, so it is done in a thread: no request and no readiness check waits for it.
    """
    build = app.openapi
    one_at_a_time = threading.Lock()

    def openapi() -> dict[str, Any]:
        with one_at_a_time:
            if app.openapi_schema is None:
                document = build()
                if authenticated:
                    document["components"]["securitySchemes"] = SCHEMES
                for path, operation in _operations(document):
                    _complete(path, operation, needed_scope(path, metrics_public) if authenticated else None)
            return build()

    def send_document(_: Request) -> Response:  # not async, so Starlette calls it in a thread
        return JSONResponse(openapi())

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to do it
    app.router.routes[:] = [route for route in app.routes if getattr(route, "path", None) != app.openapi_url]
    app.add_route(str(app.openapi_url), send_document, include_in_schema=False)


def _complete(path: str, operation: dict[str, Any], scope: str | None) -> None:
    kinds = list(errors_of_limits(path, operation))
    if scope is not None:
        kinds += REFUSALS
        operation["security"] = [{name: []} for name in SCHEMES]
        text = operation.get("description", "")
        operation["description"] = f"{text}\n\nRequires the scope `{scope}`.".strip()
    _add_errors(path, operation, kinds)


def errors_of_limits(path: str, operation: Mapping[str, Any]) -> Iterator[type[errors.ApiError]]:
    """Yield the errors that may be answered before this operation starts, or while its body is read."""
    yield from (errors.HostRefused, errors.UriTooLong, errors.HeadersTooLarge)
    if policy_for(path).limited:
        yield errors.RateLimited
    if "requestBody" in operation:
        yield from (errors.RequestTimeout, errors.Overloaded)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _add_errors(path: str, operation: dict[str, Any], kinds: list[type[errors.ApiError]]) -> None:
    """Add errors to those that an operation documents itself."""
    for status, answer in error_answers(*kinds, path=path).items():
        schema = {"$ref": f"#/components/schemas/{answer['model'].__name__}"}
        present = operation["responses"].setdefault(str(status), {"description": ""})
        media = present.setdefault("content", {}).setdefault("application/json", {"schema": schema})
        examples = media.setdefault("examples", {})
        for code, example in answer["content"]["application/json"]["examples"].items():
            if code not in examples:
                examples[code] = example
                present["description"] = " or ".join(filter(None, [present["description"], f"`{code}`"]))
    operation["responses"] = dict(sorted(operation["responses"].items()))
