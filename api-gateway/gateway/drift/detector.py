"""The detector that counts for the drift what a model finds."""

from gateway.detection.request import Answer, Ask, Detector
from gateway.drift.watch import DriftWatch


class DriftDetector:
    """Counts each answer of ``inner`` to a request without parameters, those of the cache too."""

    def __init__(self, inner: Detector, model: str, drift: DriftWatch) -> None:
        self._inner, self._model, self._drift = inner, model, drift

    async def detect(self, ask: Ask) -> Answer:
        """Ask, and count the answer."""
        answer = await self._inner.detect(ask)
        # With parameters of its own a request gets what it asks for, which says nothing about the images.
        if not ask.parameters.given():
            self._drift.add(self._model, answer.prediction)
        return answer

    async def aclose(self) -> None:
        """Say no more of a model that is no longer served."""
        self._drift.forget(self._model)
