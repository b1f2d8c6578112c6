"""The innermost detector: sends a picture to the model server."""

import time

from gateway.detection.request import Answer, Ask
from gateway.model_server.base import InferenceBackend
from gateway.model_server.errors import BackendFault, BackendNotReady, BackendOverloaded, BackendUnavailable
from gateway.model_server.metrics import ModelUpstream
from gateway.model_server.readiness import ReadinessWatch


class BackendDetector:
    """Asks the model server."""

    def __init__(
        self, backend: InferenceBackend, readiness: ReadinessWatch, metrics: ModelUpstream | None = None
    ) -> None:
        self._backend = backend
        self._readiness = readiness
        self._metrics = metrics

    async def detect(self, ask: Ask) -> Answer:
        """Send the picture on, with the version that was chosen if one was."""
        started = time.perf_counter()
        try:
            answer = await self._ask(ask)
        except BackendFault as fault:
            if self._metrics is not None:
                self._metrics.failed(fault)
            raise
        if self._metrics is not None:
            self._metrics.answered(time.perf_counter() - started)
        return answer

    async def _ask(self, ask: Ask) -> Answer:
        try:
            prediction = await self._backend.predict(ask.image, ask.parameters, ask.request_id, ask.version)
        except BackendOverloaded as fault:
            # A server may use one answer for a full queue and for no worker: the last readiness check tells them apart.
            state = self._readiness.state
            if state.ready:
                raise
            raise BackendNotReady(state.reason or "no worker is ready") from fault
        except BackendUnavailable:
            self._readiness.invalidate()
            raise
        if ask.version is None:  # readiness is about the default version
            self._readiness.answered()
        return Answer(prediction)
