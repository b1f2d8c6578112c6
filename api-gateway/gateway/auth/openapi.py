"""Say in OpenAPI which routes ask for a credential, and what they answer to one that will not do."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from gateway import errors
from gateway.openapi import error_answers
from gateway.route_policy import needed_scope

SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key of `scripts/keys.sh`."},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "The same key, or a JWT of the configured issuer."},
}
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
REFUSALS = (errors.Unauthenticated, errors.InvalidCredentials, errors.InsufficientScope, errors.AuthUnavailable)


def describe_auth(document: dict[str, Any], metrics_public: bool) -> dict[str, Any]:
    """Add schemes, requirements and refusals to an OpenAPI document, in place, and return it."""
    document.setdefault("components", {}).setdefault("securitySchemes", {}).update(SCHEMES)
    for path, methods in document.get("paths", {}).items():
        scope = needed_scope(path, metrics_public)
        for method, operation in methods.items():
            if scope is not None and method in _METHODS:
                operation["security"] = [{name: []} for name in SCHEMES]
                told = operation.get("description", "")
                operation["description"] = f"{told}\n\nNeeds the scope `{scope}`.".strip()
                _add_refusals(operation.setdefault("responses", {}), path)
    return document


def install_auth_description(app: FastAPI, metrics_public: bool) -> None:
    """Let ``app.openapi()`` return the document with all of it."""
    plain: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe_auth(plain(), metrics_public)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to do it


def _add_refusals(responses: dict[str, Any], path: str) -> None:
    for status, refusal in error_answers(*REFUSALS, path=path).items():
        media = refusal["content"]["application/json"]
        known = responses.get(str(status))
        if known is None:
            responses[str(status)] = {
                "description": refusal["description"],
                "content": {
                    "application/json": {
                        "schema": {"$ref": f"#/components/schemas/{refusal['model'].__name__}"},
                        "examples": dict(media["examples"]),
                    }
                },
            }
        else:
            known["description"] = f"{known['description']} or {refusal['description']}"
            known["content"]["application/json"].setdefault("examples", {}).update(media["examples"])
