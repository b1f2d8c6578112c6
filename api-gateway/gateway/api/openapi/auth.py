"""Which operations ask for a credential, and what they answer to one that will not do."""

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
    """What OpenAPI says of authentication where callers are asked who they are."""

    def __init__(self, metrics_public: bool) -> None:
        self._metrics_public = metrics_public

    def errors(self, path: str, _: Mapping[str, Any]) -> tuple[type[errors.ApiError], ...]:
        """Return the refusals of an operation: none where it is open."""
        return () if needed_scope(path, self._metrics_public) is None else REFUSALS

    def complete(self, document: dict[str, Any]) -> None:
        """Add the schemes, and what each operation asks for."""
        document["components"]["securitySchemes"] = SCHEMES
        for path, operation in operations(document):
            if (scope := needed_scope(path, self._metrics_public)) is not None:
                operation["security"] = [{name: []} for name in SCHEMES]
                told = operation.get("description", "")
                operation["description"] = f"{told}\n\nNeeds the scope `{scope}`.".strip()
