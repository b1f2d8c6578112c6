"""Believe X-Forwarded-For and X-Forwarded-Proto of the named proxies, and of nobody else."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.limits.settings import is_network

logger = logging.getLogger("gateway.limits.proxies")

#: A restarted container has another address: names are looked up again this often.
LOOK_UP_EVERY_S = 10.0
LOOK_UP_TIMEOUT_S = 0.5


class TrustedProxiesMiddleware:
    """Pure ASGI layer around uvicorn's: sets ``client`` and ``scheme`` to what a trusted proxy says.

    ``proxies`` are addresses, networks and host names. A name that is not found is nobody.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self._fixed = [entry for entry in proxies if is_network(entry)]
        self._names = [entry for entry in proxies if not is_network(entry)]
        self._clock = clock
        self._look_up_at = clock()
        self._looking: asyncio.Task[None] | None = None
        self._trusted: frozenset[str] = frozenset()
        self._inner = self._believing(self._trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on as the client's own."""
        if self._names and scope["type"] == "http" and self._clock() >= self._look_up_at and _forwarded(scope):
            first = self._looking is None
            self._look_up_at = self._clock() + LOOK_UP_EVERY_S  # one look-up at a time
            self._looking = asyncio.create_task(self._look_up())
            if first:  # from then on the last answer serves until the next one is there
                await self._looking
        await self._inner(scope, receive, send)  # type: ignore[arg-type]

    async def _look_up(self) -> None:
        found: set[str] = set()
        for name in self._names:
            try:
                async with asyncio.timeout(LOOK_UP_TIMEOUT_S):
                    loop = asyncio.get_running_loop()
                    answers = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            except (OSError, TimeoutError):
                continue
            found.update(str(answer[4][0]) for answer in answers)
        if found != self._trusted:
            self._trusted = frozenset(found)
            self._inner = self._believing(self._trusted)
            logger.info("trusted proxies", extra={"addresses": sorted([*self._fixed, *found])})

    def _believing(self, addresses: frozenset[str]) -> ProxyHeadersMiddleware:
        return ProxyHeadersMiddleware(self.app, [*self._fixed, *sorted(addresses)])  # type: ignore[arg-type]


def _forwarded(scope: Scope) -> bool:
    return any(name == b"x-forwarded-for" for name, _ in scope["headers"])
