"""Know at any moment whether the model can be used, so that a prediction is not sent where it would hang."""

import asyncio
import logging
import time
from collections.abc import Callable

from gateway.backends.base import InferenceBackend, Readiness
from gateway.backends.errors import BackendFault, BackendNotReady

logger = logging.getLogger("gateway.readiness")

INTERVAL_S = 1.0


class ReadinessWatch:
    """Asks the backend every second and remembers the last answer and since when it has been so.

    ``clock`` gives monotonic seconds; tests give their own.
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

    @property
    def state(self) -> Readiness:
        """The last answer."""
        return self._state

    async def ask(self) -> Readiness:
        """Ask the backend now, remember the answer and return it. Never raises but for cancellation."""
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
        self._state = answer
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

    async def ask_ready(self) -> Readiness:
        """Ask the backend now; raises :class:`BackendNotReady` if a prediction cannot be made, grace or none."""
        state = await self.ask()
        if not state.ready:
            raise _not_ready(state)
        return state


def _not_ready(state: Readiness) -> BackendNotReady:
    return BackendNotReady(state.reason or "no reason was given")
