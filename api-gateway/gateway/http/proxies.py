"""Trust X-Forwarded-For and X-Forwarded-Proto of the named proxies only."""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.settings.limits import is_network

logger = logging.getLogger("gateway.limits.proxies")

#: A restarted container has another address: names are looked up again this often.
LOOK_UP_EVERY_S = 10.0
LOOK_UP_TIMEOUT_S = 0.5
#: A name that cannot be looked up keeps its last addresses for so long, so that a short failure of the resolver
#: does not end the trust in a proxy. No longer, because another host may have these addresses one day.
KEEP_S = 300.0


class TrustedProxiesMiddleware:
    """Pure ASGI layer around uvicorn's: sets ``client`` and ``scheme`` to what a trusted proxy says.

    ``proxies`` are addresses, networks and host names. A name that was not found, or not for long, is not trusted.
    """

    def __init__(
        self,
        app: ASGIApp,
        proxies: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        resolve: Callable[[str], Awaitable[Iterable[str]]] | None = None,
    ) -> None:
        self.app = app
        self._resolve = resolve or _addresses_of
        self._fixed = [entry for entry in proxies if is_network(entry)]
        self._names = [entry for entry in proxies if not is_network(entry)]
        self._clock = clock
        self._look_up_at = clock()
        self._looking: asyncio.Task[None] | None = None
        #: By name: its addresses, and when they were found.
        self._found: dict[str, tuple[frozenset[str], float]] = {}
        self._failing: set[str] = set()
        self._looked = False
        self._trusted: frozenset[str] = frozenset()
        self._inner = self._believing(self._trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on as the client's own."""
        if self._names and scope["type"] == "http" and _forwarded(scope):
            if self._clock() >= self._look_up_at:
                self._look_up_at = self._clock() + LOOK_UP_EVERY_S  # one look-up at a time
                self._looking = asyncio.create_task(self._look_up())
            if not self._looked and self._looking is not None:
                # All wait for the first look-up; from then on the last answer serves until the next one is there.
                await asyncio.wait((self._looking,))
        await self._inner(scope, receive, send)  # type: ignore[arg-type]

    async def _look_up(self) -> None:
        await asyncio.gather(*map(self._look_one_up, self._names))
        now = self._clock()
        self._found = {name: found for name, found in self._found.items() if now - found[1] <= KEEP_S}
        trusted = frozenset[str]().union(*(addresses for addresses, _ in self._found.values()))
        if trusted != self._trusted:
            self._trusted = trusted
            self._inner = self._believing(trusted)
            logger.info("trusted proxies", extra={"addresses": sorted([*self._fixed, *trusted])})
        self._looked = True

    async def _look_one_up(self, name: str) -> None:
        try:
            async with asyncio.timeout(LOOK_UP_TIMEOUT_S):
                answers = await self._resolve(name)
        except (OSError, UnicodeError, TimeoutError) as error:
            if name not in self._failing:
                self._failing.add(name)
                logger.warning(
                    "a trusted proxy's name cannot be looked up", extra={"proxy": name, "reason": repr(error)}
                )
            return
        self._failing.discard(name)
        self._found[name] = frozenset(answers), self._clock()

    def _believing(self, addresses: frozenset[str]) -> ProxyHeadersMiddleware:
        return ProxyHeadersMiddleware(self.app, [*self._fixed, *sorted(addresses)])  # type: ignore[arg-type]


async def _addresses_of(name: str) -> Iterable[str]:
    answers = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


def _forwarded(scope: Scope) -> bool:
    return any(name == b"x-forwarded-for" for name, _ in scope["headers"])
