"""JWTs: signed by a key we know in a way we allow, for us, by our issuer, still valid."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from jwt import exceptions as wrong

from gateway.auth.grants import models_in, scopes_in
from gateway.auth.identity import Identity, Outcome, Refusal
from gateway.auth.jwks import Jwks
from gateway.errors import InvalidCredentials

MAX_SUBJECT = 128
REQUIRED = ["exp", "iss", "aud", "sub"]

#: What the client reads; the signature is checked before any claim, so only a real token learns more.
#: A class stands before its base.
PROBLEMS: Mapping[type[Exception], tuple[Outcome, str | None]] = {
    wrong.ExpiredSignatureError: ("expired", "This token has expired; get a new one."),
    wrong.InvalidAudienceError: ("claims", "This token is for another audience."),
    wrong.InvalidIssuerError: ("claims", "This token is of another issuer."),
    wrong.ImmatureSignatureError: ("claims", "This token is not valid yet."),
    wrong.MissingRequiredClaimError: ("claims", f"This token lacks one of the claims {', '.join(REQUIRED)}."),
    wrong.InvalidIssuedAtError: ("claims", None),
    wrong.InvalidSubjectError: ("claims", None),
    wrong.InvalidJTIError: ("claims", None),
    wrong.InvalidSignatureError: ("signature", None),
    wrong.InvalidAlgorithmError: ("algorithm", None),
    wrong.PyJWTError: ("malformed", None),
    # Not PyJWT's words, but what its decoding ends in for JSON nested a thousand deep, or times beyond all numbers.
    RecursionError: ("malformed", None),
    OverflowError: ("malformed", None),
}


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must be. ``leeway_s``: seconds that clocks may differ."""

    issuer: str
    audience: str
    leeway_s: float


@dataclass(frozen=True, slots=True)
class Secret:
    """A shared secret for HS256 that no repr shows."""

    value: bytes = field(repr=False)


class TokenVerifier:
    """Checks tokens with the keys of an identity provider (RS256, ES256), a shared secret (HS256), or both.

    Which key may verify is decided by us for each algorithm: HS256 only ever meets the secret, the others only public
    keys of their own kind, so a token cannot talk us into taking a public key for a secret. Addresses or keys that a
    token carries (``jku``, ``x5u``, ``jwk``) are not looked at.
    """

    def __init__(self, rules: TokenRules, algorithms: frozenset[str], jwks: Jwks | None, secret: Secret | None) -> None:
        self._rules = rules
        self._jwks = jwks if algorithms & {"RS256", "ES256"} else None
        self._secret = secret if "HS256" in algorithms else None
        by_jwks = algorithms & {"RS256", "ES256"} if jwks else frozenset()
        self._algorithms = by_jwks | ({"HS256"} if self._secret else frozenset())

    def start(self) -> None:
        """Fetch the provider's keys in the background. Needs a running loop."""
        if self._jwks is not None:
            self._jwks.start()

    async def aclose(self) -> None:
        """Close the way to the provider."""
        if self._jwks is not None:
            await self._jwks.aclose()

    async def verify(self, token: str) -> Identity:
        """Return whose token this is; raises :class:`Refusal`."""
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if not isinstance(algorithm, str) or algorithm not in self._algorithms:
                raise Refusal(InvalidCredentials(), "jwt", "algorithm")
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._key(algorithm, header.get("kid")),
                algorithms=[algorithm],
                issuer=self._rules.issuer,
                audience=self._rules.audience,
                leeway=self._rules.leeway_s,
                options={"require": REQUIRED},
            )
        except tuple(PROBLEMS) as error:
            outcome, message = next(told for kind, told in PROBLEMS.items() if isinstance(error, kind))
            raise Refusal(InvalidCredentials(message), "jwt", outcome) from error
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
            message = f"This token's subject must be 1 to {MAX_SUBJECT} printable characters."
            raise Refusal(InvalidCredentials(message), "jwt", "claims")
        words = words_of(claims)
        return Identity(f"jwt:{subject}", "jwt", scopes_in(words), models_in(words))

    async def _key(self, algorithm: str, kid: str | None) -> Any:
        if algorithm == "HS256" and self._secret is not None:
            return self._secret.value
        if self._jwks is None:
            raise Refusal(InvalidCredentials(), "jwt", "algorithm")
        return await self._jwks.key(kid, algorithm)


def words_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return what the claims ``scope`` and ``scopes`` grant: words of a text, or a list."""
    granted: set[str] = set()
    for name in ("scope", "scopes"):
        claim = claims.get(name)
        words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
        granted.update(word for word in words if isinstance(word, str))
    return frozenset(granted)


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return those of our scopes that the claims grant."""
    return scopes_in(words_of(claims))
