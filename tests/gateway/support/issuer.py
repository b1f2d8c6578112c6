"""An identity provider for tests: real keys, real tokens, a real JWKS address that can be slow, broken or gone."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://issuer.test", "yolo-serving"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key per name: making one takes a moment."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def jwk(key: PrivateKey, kid: str | None, **more: Any) -> dict[str, Any]:
    public = key.public_key()
    algorithm: Any = RSAAlgorithm if isinstance(public, rsa.RSAPublicKey) else ECAlgorithm
    entry: dict[str, Any] = {**algorithm.to_jwk(public, as_dict=True), "use": "sig", **more}
    return entry if kid is None else {**entry, "kid": kid}


def claims(**changed: Any) -> dict[str, Any]:
    """Claims that will do; a value of None takes one away."""
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300, "scope": "openid predict"}
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def token(key: Any, kid: str | None, algorithm: str | None = None, headers: Any = None, **changed: Any) -> str:
    of_key = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
    header = {**({} if kid is None else {"kid": kid}), **(headers or {})}
    return jwt.encode(claims(**changed), key, algorithm or of_key, headers=header)


class Issuer:
    """The JWKS address as an ASGI application."""

    def __init__(self) -> None:
        self.number = 0
        self.reset()

    @property
    def path(self) -> str:
        """Where the keys are. Another one for each test: a fetch that the last test gave up may still arrive."""
        return f"/keys-{self.number}"

    def reset(self) -> None:
        self.number += 1
        self.heal()
        self.asked = 0
        self.asked_elsewhere: list[str] = []

    def heal(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.status = 200
        self.delay_s = 0.0
        self.body: bytes | None = None
        self.answers = threading.Event()
        self.answers.set()

    def shows(self, **keys: PrivateKey) -> None:
        """Publish these keys and no others."""
        self.keys = [jwk(key, kid) for kid, key in keys.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        if scope["path"] == self.path:
            self.asked += 1
        elif not scope["path"].startswith("/keys-"):
            self.asked_elsewhere.append(scope["path"])
        await asyncio.sleep(self.delay_s)
        await asyncio.to_thread(self.answers.wait, 10)  # set by the test's thread
        body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
        headers = [(b"content-type", b"application/json"), (b"location", b"/elsewhere")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
