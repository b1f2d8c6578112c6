"""The workers of one model in TorchServe: which versions have none on purpose, and how they get one again.

Read in TorchServe 0.12.0 and checked against it:

- A version with ``minWorkers`` 0 has no workers on purpose; a prediction for it is a 503 "has no worker to serve".
- The requests of a worker that is taken away, and those in its queue, mostly wait for the next worker. Otherwise they
  fail with "Worker died." or "Worker scaled down.", a 500 or 507.
- ``PUT /models/MODEL/VERSION?min_worker=1&max_worker=1`` answers 202 at once; with ``synchronous=true`` only when the
  worker has loaded the model, which would hold a connection for as long.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from urllib.parse import quote

from gateway.concurrency.single_flight import Flights
from gateway.model_server.base import ModelVersion
from gateway.model_server.client import HttpClient, Reply
from gateway.model_server.errors import BackendError, BackendNotReady

logger = logging.getLogger("gateway.backends")

#: Seconds between two looks at a worker that loads the model.
POLL_S = 0.05
NO_WORKER = b"has no worker to serve"
#: What TorchServe says to the requests of a worker whose process ended, or was ended.
WORKER_GONE = (b'"Worker died.', b'"Worker scaled down.')

#: Describes a version of the model, None for the default one.
Describe = Callable[[str | None], Awaitable[Sequence[ModelVersion]]]


class Workers:
    """Wakes versions of one model, and remembers which of them are being loaded after having been unloaded.

    ``limit_s`` is the time limit of a request. ``clock`` gives monotonic seconds.
    """

    def __init__(
        self,
        model: str,
        management: HttpClient,
        describe: Describe,
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._management = management
        self._describe = describe
        self._limit_s = limit_s
        self._clock = clock
        self._waking: Flights[None] = Flights(most=sys.maxsize)
        #: When each version was last seen unloaded, until a worker is ready.
        self._unloaded: dict[str, float] = {}

    def available(self, version: ModelVersion) -> bool:
        """Return whether a request for this version is answered within its time limit, as far as its workers tell."""
        if version.ready:
            self._unloaded.pop(version.version, None)
            return True
        if version.unloaded:
            self._unloaded[version.version] = self._clock()
            return True
        return self._clock() - self._unloaded.get(version.version, float("-inf")) < self._limit_s

    async def are_unloaded(self, version: str | None, reply: Reply) -> bool:
        """Return whether this answer to a prediction means that the version had no workers on purpose."""
        lacks = lacks_worker(reply)
        if not (lacks or lost_worker(reply)):
            return False
        described, *_ = await self._describe(version)
        if lacks and described.workers:  # another request, perhaps of another gateway, has woken it meanwhile
            self._unloaded[described.version] = self._clock()
            return True
        return described.unloaded

    async def wake(self, version: str | None) -> None:
        """Start a worker and wait until it is ready, once for all callers.

        Raises :class:`~gateway.model_server.errors.BackendNotReady` if it is not ready within the time limit.
        """
        await self._waking.join(version, lambda: self._wake(version))

    async def wake_if_unloaded(self, version: str | None) -> None:
        """Start a worker if the version has none on purpose, and wait as :meth:`wake` does."""
        described, *_ = await self._describe(version)
        if described.unloaded:
            await self.wake(version)

    async def aclose(self) -> None:
        """Stop waiting."""
        await self._waking.aclose()

    async def _wake(self, version: str | None) -> None:
        started = self._clock()
        while True:
            described, *_ = await self._describe(version)
            if described.ready:
                break
            took_s = self._clock() - started
            if took_s >= self._limit_s:
                raise BackendNotReady(f"it was unloaded, and its worker is not ready after {took_s:.0f} s")
            if described.unloaded:
                await self._start(described.version)
            await asyncio.sleep(POLL_S)
        facts = {"model": self._model, "model_version": described.version, "took_s": round(self._clock() - started, 2)}
        logger.info("a model was loaded for a request", extra=facts)

    async def _start(self, version: str) -> None:
        address = f"/models/{self._model}/{quote(version, safe='')}?min_worker=1&max_worker=1"
        reply = await self._management.request("PUT", address)
        if reply.status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            raise BackendError(f"TorchServe answered {reply.status} when a worker was to be started")


def lacks_worker(reply: Reply) -> bool:
    """Return whether TorchServe refused a prediction because there is no worker."""
    return reply.status == HTTPStatus.SERVICE_UNAVAILABLE and NO_WORKER in reply.content


def lost_worker(reply: Reply) -> bool:
    """Return whether the worker went away that had the request."""
    return reply.status in (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.INSUFFICIENT_STORAGE) and any(
        said in reply.content for said in WORKER_GONE
    )
