"""The detector around a whole model: it counts what was found, once per image, whoever found it."""

import time

from gateway.detection.request import Answer, Ask, Detector
from gateway.models.detection_metrics import DetectionMetrics


class MeasuringDetector:
    """Counts each answer of ``inner``, those of the cache too. Failures are counted elsewhere, by their cause."""

    def __init__(self, inner: Detector, model: str, metrics: DetectionMetrics) -> None:
        self._inner, self._model, self._metrics = inner, model, metrics

    async def detect(self, ask: Ask) -> Answer:
        """Ask, and count the answer."""
        started = time.perf_counter()
        answer = await self._inner.detect(ask)
        self._metrics.add(self._model, answer.prediction, time.perf_counter() - started)
        return answer

    async def aclose(self) -> None:
        """Say no more of a model that is no longer served."""
        self._metrics.forget(self._model)
