"""The credentials that operations require in OpenAPI, and the errors without them."""

from collections.abc import Mapping
from typing import Any

from gateway import errors
from gateway.api.openapi.document import operations
from gateway.http.headers import API_KEY_HEADER
from gateway.http.policy import needed_scope

SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER, "description": "A key of `scripts/keys.sh`."},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "The same key, or a JWT of the configured issuer."},
}
REFUSALS = (errors.Unauthenticated, errors.InvalidCredentials, errors.InsufficientScope, errors.AuthUnavailable)


class AuthDescription:
    """Describes authentication, if it is enabled."""

    def __init__(self, metrics_public: bool) -> None:
        self._metrics_public = metrics_public

    def errors(self, path: str, _: Mapping[str, Any]) -> tuple[type[errors.ApiError], ...]:
        """Return the errors of an operation that requires a scope."""
        return () if needed_scope(path, self._metrics_public) is None else REFUSALS

    def complete(self, document: dict[str, Any]) -> None:
        """Add the schemes, and the scope that each operation requires."""
        document["components"]["securitySchemes"] = SCHEMES
        for path, operation in operations(document):
            if (scope := needed_scope(path, self._metrics_public)) is not None:
                operation["security"] = [{name: []} for name in SCHEMES]
                text = operation.get("description", "")
                operation["description"] = f"{text}\n\nRequires the scope `{scope}`.".strip()
