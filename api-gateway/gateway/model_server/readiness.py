"""Know at any moment whether the model can be used, so that a prediction is not sent where it would hang."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable

from gateway.concurrency.single_flight import Flights
from gateway.concurrency.time_limit import within
from gateway.model_server.base import InferenceBackend, Readiness
from gateway.model_server.errors import BackendFault, BackendNotReady

logger = logging.getLogger("gateway.readiness")

#: A readiness check that takes longer counts as a 'no'.
TIMEOUT_S = 1.0
INTERVAL_S = 1.0
#: Seconds for which an answer is reused: health needs no authentication, and each question takes one of the few
#: connections that routing and the cache share.
REUSE_S = 0.3


class ReadinessWatch:
    """Asks the backend every second and remembers the last answer and since when it has been so.

    There is one question at a time for all callers, so no older answer ever replaces a newer one. ``clock`` gives
    monotonic seconds; tests give their own.
    """

    def __init__(
        self,
        backend: InferenceBackend,
        grace_s: float,
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._grace_s = grace_s
        self._interval_s = interval_s
        self._clock = clock
        self._state = Readiness(False, "it has not been asked yet")
        self._since = clock()
        self._questions: Flights[Readiness] = Flights(most=sys.maxsize)
        #: When the question was asked that the state answers, and when there was last a reason to doubt the answer.
        self._asked = self._doubted = float("-inf")

    @property
    def state(self) -> Readiness:
        """The last answer."""
        return self._state

    async def ask(self) -> Readiness:
        """Ask the backend now, remember the answer and return it. Never raises but for cancellation.

        A caller that arrives while the question is under way gets the same answer.
        """
        answer, _ = await self._questions.join("ready", self._ask_backend)
        return answer

    async def recent(self) -> Readiness:
        """Return the last answer if it is younger than ``REUSE_S`` and nothing speaks against it; ask otherwise."""
        if self._clock() - self._asked >= REUSE_S or self._asked <= self._doubted:
            await self.ask()
            if self._asked <= self._doubted:  # another caller's question, begun before the invalidation
                await self.ask()
        return self._state

    def invalidate(self) -> None:
        """Note that a prediction found no server: an answer from before that is not reused."""
        self._doubted = self._clock()

    def answered(self) -> None:
        """Note that a prediction was answered: a model last found not ready has become so.

        The next question finds it ready; until then the grace period starts again.
        """
        if not self._state.ready:
            self._since = self._clock()

    async def _ask_backend(self) -> Readiness:
        asked = self._clock()
        try:
            answer = await self._backend.ready()
        except BackendFault:
            answer = Readiness(False, "the model server cannot be reached")
        except Exception:
            logger.exception("the readiness check itself failed")
            answer = Readiness(False, "the readiness check failed")
        if answer.ready != self._state.ready:
            self._since = self._clock()
        if answer != self._state:
            facts = {"ready": answer.ready, "reason": answer.reason, "model_version": answer.version}
            logger.info("readiness changed", extra=facts)
        self._state, self._asked = answer, asked
        return answer

    async def run(self) -> None:
        """Ask again and again until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(self._interval_s)

    def require(self) -> None:
        """Raise :class:`BackendNotReady` if the model has been unusable for longer than the grace period.

        Within it requests are let through: a worker that restarts is back before a client would have given up.
        """
        if not self._state.ready and self._clock() - self._since > self._grace_s:
            raise _not_ready(self._state)

    async def require_lately(self) -> None:
        """Do as :meth:`require` does, of a watch that does not run: ask where the last answer is not of late.

        A model that is not used costs no questions then.
        """
        if self._asked == float("-inf"):
            self._since = self._clock()  # that it was not ready before is not known
        if self._clock() - self._asked >= self._interval_s:
            await self.ask()
        self.require()

    async def require_ready(self) -> Readiness:
        """Return the recent answer; raises :class:`BackendNotReady` if a prediction cannot be made, grace or none."""
        state = await self.recent()
        if not state.ready:
            raise _not_ready(state)
        return state


async def ready_in_time(asked: Awaitable[Readiness]) -> Readiness:
    """Await a server's own answer; a fault, or an answer that takes too long, becomes a 'no' with its reason."""
    try:
        return await within(TIMEOUT_S, asked)
    except TimeoutError:
        return Readiness(False, "the model server does not answer in time")
    except BackendNotReady as fault:
        return Readiness(False, fault.reason)
    except BackendFault:
        return Readiness(False, "the model server cannot be reached")


def _not_ready(state: Readiness) -> BackendNotReady:
    return BackendNotReady(state.reason or "no reason was given")
