"""The caller and its scopes, or the reason for a refusal."""

from dataclasses import dataclass
from typing import Literal

from gateway.errors import ApiError

Method = Literal["key", "jwt", "none"]

#: How an attempt ended: the label of ``gateway_auth_total`` and the word in the log, so never anything a client sent.
Outcome = Literal[
    "ok",
    "missing",  # no credential
    "ambiguous",  # several that differ
    "malformed",  # not in the form of a key or token
    "algorithm",  # a token signed in a way that is not allowed
    "unknown",  # no such key, or no such signing key
    "signature",  # a token that its key did not sign
    "claims",  # a token of another issuer, for another audience, not yet valid, or incomplete
    "expired",
    "scope",  # known, but may not do this
    "model",  # known, but may not use this model; found out after "ok", where the model is known
    "unavailable",  # it cannot be checked now
]


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller who proved who they are.

    ``name`` is an API key's name, or ``jwt:`` and the token's subject; names of keys have no colon, so neither can pass
    for the other. ``models`` are those that the caller may use; None: all of them.
    """

    name: str
    method: Method
    scopes: frozenset[str]
    models: frozenset[str] | None = None


class Refusal(Exception):  # noqa: N818 - the word of the subject
    """Why a caller is not let in: ``error`` for the client, ``method`` and ``outcome`` for log and metrics."""

    def __init__(self, error: ApiError, method: Method, outcome: Outcome) -> None:
        super().__init__(f"{method}: {outcome}")
        self.error = error
        self.method = method
        self.outcome = outcome
