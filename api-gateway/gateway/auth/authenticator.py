"""Whose credential this is: the keys of the file, or the tokens of the issuer."""

from collections.abc import Iterable
from typing import Protocol

from gateway.auth.credentials import read_credential
from gateway.auth.identity import Identity, Refusal
from gateway.auth.key_file import KeyFile
from gateway.errors import InvalidCredentials


class Tokens(Protocol):
    """What checks tokens: :class:`~gateway.auth.tokens.TokenVerifier`, whose libraries are loaded only where it is."""

    async def verify(self, token: str) -> Identity:
        """Return whose token this is; raises :class:`Refusal`."""
        ...

    def start(self) -> None:
        """Begin what runs in the background. Needs a running loop."""
        ...

    async def aclose(self) -> None:
        """End it."""
        ...


class Authenticator:
    """All ways to prove who one is; each may be absent."""

    def __init__(self, keys: KeyFile | None, tokens: Tokens | None) -> None:
        self._keys = keys
        self._tokens = tokens

    async def authenticate(self, headers: Iterable[tuple[bytes, bytes]]) -> Identity:
        """Return the caller's identity; raises :class:`Refusal`."""
        credential = read_credential(headers)
        if credential.method == "jwt":
            if self._tokens is None:
                raise Refusal(InvalidCredentials(), "jwt", "unknown")
            return await self._tokens.verify(credential.text)
        if self._keys is None:
            raise Refusal(InvalidCredentials(), "key", "unknown")
        return self._keys.verify(credential.text)

    def start(self) -> None:
        """Begin what runs in the background. Needs a running loop."""
        if self._tokens is not None:
            self._tokens.start()

    async def aclose(self) -> None:
        """End it."""
        if self._tokens is not None:
            await self._tokens.aclose()
