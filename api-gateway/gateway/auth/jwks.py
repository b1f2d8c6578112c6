"""Signing keys of an identity provider, fetched from its JWKS address, kept, and renewed when they rotate.

A request waits for that address only when it must: nothing is known yet, or its token names an unknown key. Both are
rate-bounded and share one fetch, so neither a slow provider nor made-up key ids cost more than a few seconds of a
request's own time; tokens of known keys are not held up at all.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

import httpx

from gateway.auth.identity import Refusal
from gateway.auth.jwk_set import Keys, PublicKey, UnusableKeySet, find, parse_jwk_set
from gateway.errors import AuthUnavailable, InvalidCredentials

logger = logging.getLogger("gateway.auth")

#: Seconds from the start of one fetch to the start of the next.
ASK_AT_MOST_EVERY_S = 10.0
#: Seconds for a whole fetch, whatever its pieces take.
FETCH_S = 5.0
TIMEOUT = httpx.Timeout(connect=2, read=3, write=2, pool=1)
MAX_BYTES = 256 * 1024
#: Not compressed: what is counted is what comes.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class Jwks:
    """The keys behind one URL. ``clock`` gives monotonic seconds; tests give their own."""

    def __init__(
        self,
        url: str,
        algorithms: frozenset[str],
        refresh_s: float,
        max_age_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._algorithms = algorithms
        self._refresh_s = refresh_s
        self._max_age_s = max_age_s
        self._clock = clock
        # No redirects: the address is what the operator wrote, and nothing else is ever asked.
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        self._keys: Keys = {}
        self._fetched: float | None = None
        self._asked: float | None = None
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Fetch in the background, so that the first request need not wait. Needs a running loop."""
        self._fetch_soon()

    async def aclose(self) -> None:
        """Give up what is being fetched and close the connections."""
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching
        await self._client.aclose()

    async def key(self, kid: str | None, algorithm: str) -> PublicKey:
        """Return the key that may have signed a token; raises :class:`Refusal` if there is none or none can be had."""
        if self._fetched is None or self._age() >= self._max_age_s:
            await self._fetch_and_wait()
            if self._fetched is None or self._age() >= self._max_age_s:
                raise Refusal(AuthUnavailable(), "jwt", "unavailable")
        elif self._age() >= self._refresh_s:
            self._fetch_soon()
        found = find(self._keys, kid, algorithm)
        if found is None:
            await self._fetch_and_wait()
            found = find(self._keys, kid, algorithm)
        if found is not None:
            return found
        if self._failed:  # a new key may be there for all we know
            raise Refusal(AuthUnavailable(), "jwt", "unavailable")
        raise Refusal(InvalidCredentials(), "jwt", "unknown")

    def _age(self) -> float:
        return self._clock() - (self._fetched or 0.0)

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        """Return the fetch that is under way, or start one if it is time for it."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        now = self._clock()
        if self._asked is not None and now - self._asked < ASK_AT_MOST_EVERY_S:
            return None
        self._asked = now
        self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch_and_wait(self) -> None:
        if (task := self._fetch_soon()) is not None:
            await asyncio.shield(task)  # a client that leaves does not take the fetch from the others

    async def _fetch(self) -> None:
        """Replace the keys: one that the provider no longer shows is no longer accepted. Never raises."""
        try:
            async with asyncio.timeout(FETCH_S):
                self._keys = parse_jwk_set(await self._download(), self._algorithms)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnusableKeySet, OSError) as error:
            self._failed = True
            problem = str(error) or type(error).__name__
            logger.warning("signing keys cannot be fetched; known ones stay", extra={"problem": problem})
        except Exception:
            self._failed = True
            logger.exception("fetching signing keys failed")
        else:
            self._failed, self._fetched = False, self._clock()
            logger.info("signing keys fetched", extra={"keys": len(self._keys)})

    async def _download(self) -> bytes:
        body = b""
        async with self._client.stream("GET", self._url, headers=HEADERS) as answer:
            if answer.status_code != 200:
                raise UnusableKeySet(f"the address answers {answer.status_code}")
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise UnusableKeySet(f"it is larger than {MAX_BYTES} bytes")
        return body
