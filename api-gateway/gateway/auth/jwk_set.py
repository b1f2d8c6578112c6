"""The public keys in a JWK Set, each bound to the one algorithm that it may verify."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

logger = logging.getLogger("gateway.auth")

PublicKey = RSAPublicKey | EllipticCurvePublicKey
#: By key id (None where the set gives none) and algorithm.
Keys = Mapping[tuple[str | None, str], PublicKey]

MAX_KEYS = 100
MIN_RSA_BITS = 2048


class UnusableKeySet(Exception):  # noqa: N818 - what it is, and it is an exception
    """The document is not a JWK Set, or has no usable key."""


def parse_jwk_set(document: bytes, algorithms: frozenset[str]) -> Keys:
    """Return the set's signature keys for ``algorithms`` (RS256, ES256).

    Left out are keys for encryption, symmetric and private ones, short RSA keys and other curves. Raises
    :class:`UnusableKeySet` when nothing remains: an identity provider without keys is taken for a fault.
    """
    try:
        entries: Any = json.loads(document)["keys"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableKeySet("it is not a JWK Set") from error
    keys: dict[tuple[str | None, str], PublicKey] = {}
    for entry in entries[:MAX_KEYS] if isinstance(entries, list) else []:
        if (found := _usable(entry, algorithms)) is not None:
            kid, algorithm, key = found
            keys.setdefault((kid, algorithm), key)
    if not keys:
        raise UnusableKeySet(f"it has no key for {' or '.join(sorted(algorithms))}")
    return keys


def find(keys: Keys, kid: str | None, algorithm: str) -> PublicKey | None:
    """Return the key with this id; for a token that names none, the only key of its algorithm if there is one."""
    if kid is not None:
        return keys.get((kid, algorithm))
    candidates = [key for (_, of), key in keys.items() if of == algorithm]
    return candidates[0] if len(candidates) == 1 else None


def _usable(entry: Any, algorithms: frozenset[str]) -> tuple[str | None, str, PublicKey] | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    match entry:
        case {"kty": "RSA"}:
            algorithm = "RS256"
        case {"kty": "EC", "crv": "P-256"}:
            algorithm = "ES256"
        case _:
            return None
    kid = entry.get("kid")
    if algorithm not in algorithms or entry.get("alg", algorithm) != algorithm or not isinstance(kid, str | None):
        return None
    try:
        key = PyJWK(entry, algorithm).key
    except (PyJWTError, ValueError, TypeError, KeyError):
        logger.warning("a key of the JWK Set is left out: it cannot be read")
        return None
    match key:
        case RSAPublicKey() if key.key_size >= MIN_RSA_BITS:
            return kid, algorithm, key
        case EllipticCurvePublicKey():
            return kid, algorithm, key
        case _:
            return None
