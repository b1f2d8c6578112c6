"""Models without workers, as they are while nobody uses them: a request gets them a worker and is sent again."""

from typing import Protocol, runtime_checkable

from gateway.detection.request import Answer, Ask, Detector
from gateway.model_server.base import InferenceBackend
from gateway.model_server.errors import BackendUnloaded


@runtime_checkable
class WakesModels(Protocol):
    """A backend whose server can be told to load a model that has no workers."""

    async def wake(self, version: str | None) -> None:
        """Have a version loaded, None for the default one, and wait until a worker can run it.

        All callers that wait for the same version share one request to the server. Raises ``BackendFault``, also if
        the version is not ready within the time limit of a request.
        """
        ...


class WakingDetector:
    """A :class:`~gateway.detection.request.Detector` that wakes the model of a request which found it unloaded.

    It stands in front of admission: requests that wait for a model to be loaded take no place from other models.
    """

    def __init__(self, inner: Detector, backend: InferenceBackend) -> None:
        self._inner = inner
        self._backend = backend

    async def detect(self, ask: Ask) -> Answer:
        """Ask; if the model has no workers, wake it and ask once more."""
        try:
            return await self._inner.detect(ask)
        except BackendUnloaded:
            if not isinstance(self._backend, WakesModels):
                raise
        await self._backend.wake(ask.version)
        return await self._inner.detect(ask)
