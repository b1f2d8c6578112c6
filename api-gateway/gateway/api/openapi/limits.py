"""The errors of the limits around every route."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import ApiError, HeadersTooLarge, Overloaded, RateLimited, RequestTimeout, UriTooLong
from gateway.http.policy import policy_for


def errors_of_limits(path: str, operation: Mapping[str, Any]) -> list[type[ApiError]]:
    """Return the errors that may be answered before the operation starts, or while its body is read."""
    kinds: list[type[ApiError]] = [UriTooLong, HeadersTooLarge]
    if policy_for(path).limited:
        kinds.append(RateLimited)
    if "requestBody" in operation:
        kinds += [RequestTimeout, Overloaded]
    return kinds
