"""Find the TorchServes: a name is looked up in the DNS again and again, as whatever runs them keeps it up to date."""

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from gateway.model_server.torchserve.instances import Endpoint, Instance, instances_of
from server_addresses import one_family

logger = logging.getLogger("gateway.backends")

#: Seconds between two lookups, and between two that failed requests ask for.
INTERVAL_S = 1.0
URGENT_S = 0.2
#: Seconds that a caller waits for a lookup. It goes on, and its result is used later.
PATIENCE_S = 1.0
#: Lookups in a row that find no such name until its addresses are dropped: later, another container may have them.
ABSENT = 3
_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))  # musl has only the first

Lookup = Callable[[str], Awaitable[Sequence[str]]]


async def look_up(host: str) -> list[str]:
    """Return all addresses of a name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return one_family(str(address[0]) for *_, address in found)


class Discovery:
    """The TorchServes of some endpoints, as the last successful lookup of each name found them.

    A lookup that fails, as while a DNS server is restarted, changes nothing. A name that is gone for some lookups has
    no TorchServe. ``clock`` gives monotonic seconds.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], lookup: Lookup = look_up, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoints = endpoints
        self._lookup = lookup
        self._clock = clock
        self._addresses: dict[str, Sequence[str]] = {}
        self._absent: Counter[str] = Counter()
        self._looked = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    @property
    def instances(self) -> list[Instance]:
        """The TorchServes that are known, each once."""
        found = [
            instance
            for endpoint in self._endpoints
            for instance in instances_of(endpoint, self._addresses.get(endpoint.host or "", ()))
        ]
        return list(dict.fromkeys(found))

    async def refresh(self, interval_s: float = INTERVAL_S) -> None:
        """Look every name up, once for all callers, unless that was done less than ``interval_s`` ago. Never raises."""
        if self._looking is None:
            if self._clock() - self._looked < interval_s:
                return
            self._looking = asyncio.create_task(self._look_up_all())
        await asyncio.wait((self._looking,), timeout=PATIENCE_S)

    async def aclose(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look_up_all(self) -> None:
        try:
            hosts = {endpoint.host for endpoint in self._endpoints} - {None}
            await asyncio.gather(*(self._look_up(str(host)) for host in hosts))
        finally:
            self._looked, self._looking = self._clock(), None

    async def _look_up(self, host: str) -> None:
        try:
            found = await self._lookup(host)
        except (OSError, UnicodeError) as error:
            logger.debug("a name was not found", extra={"host": host, "cause": repr(error)})
            if isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME:
                self._absent[host] += 1
                if self._absent[host] >= ABSENT:
                    self._addresses.pop(host, None)
            return
        self._absent[host] = 0
        if found:
            self._addresses[host] = found
