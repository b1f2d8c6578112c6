"""Metrics of what the models find: classes, confidences, sizes of boxes and images, images without a detection.

The registry's own counters and histograms take a lock for each value, and an answer may hold hundreds of boxes. Here an
answer is counted by the event loop alone, in plain numbers, which a scrape turns into samples.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.detection.prediction import Prediction

#: Versions of all models together that have numbers; the one that was not seen for the longest time gives way.
MOST_VERSIONS = 64
#: Classes of one version that have a label of their own, in the order in which they were found.
MOST_CLASSES = 100
#: The label of all further ones.
OTHER = "other"
#: The longest label, in characters: names of classes come with the weights and may be anything.
LONGEST_NAME = 64

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60)
CONFIDENCE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
#: A box's share of its image.
AREA = (0.0001, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
PER_IMAGE = (0, 1, 2, 3, 5, 10, 20, 50, 100, 300)
PIXELS = (1e5, 3e5, 5e5, 1e6, 2e6, 4e6, 8e6, 12e6, 24e6, 48e6)


class Tally:
    """A histogram in plain numbers."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def write(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Add the samples to a family."""
        total, buckets = 0, []
        for bound, count in zip((*self._bounds, math.inf), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == math.inf else str(float(bound)), float(total)))
        family.add_metric(labels, buckets, self._sum)


class VersionNumbers:
    """What one version of a model found."""

    def __init__(self) -> None:
        self.images = self.empty = 0
        self.classes: dict[str, int] = {}
        self.seconds, self.confidence, self.area = Tally(SECONDS), Tally(CONFIDENCE), Tally(AREA)
        self.per_image, self.pixels = Tally(PER_IMAGE), Tally(PIXELS)

    def add(self, prediction: Prediction, seconds: float) -> None:
        """Count an answer."""
        found = prediction.detections
        width, height = prediction.image_size or (0, 0)
        pixels = width * height
        self.images += 1
        self.empty += not found
        self.seconds.add(seconds)
        self.per_image.add(len(found))
        if pixels:
            self.pixels.add(pixels)
        for detection in found:
            self._add_class(detection.class_name)
            self.confidence.add(detection.confidence)
            if pixels:
                left, top, right, bottom = detection.bbox
                self.area.add((right - left) * (bottom - top) / pixels)

    def _add_class(self, name: str) -> None:
        name = name[:LONGEST_NAME]
        if name not in self.classes and len(self.classes) >= MOST_CLASSES:
            name = OTHER
        self.classes[name] = self.classes.get(name, 0) + 1


class DetectionMetrics(Collector):
    """The numbers of every version of every model. Both names are the server's, never a client's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._versions: dict[tuple[str, str], VersionNumbers] = {}
        registry.register(self)

    def add(self, model: str, prediction: Prediction, seconds: float) -> None:
        """Count an answer of a model; ``seconds`` is the time from the choice of the model to the answer."""
        key = (model, prediction.model_version or "")
        numbers = self._versions.pop(key, None) or VersionNumbers()
        self._versions[key] = numbers  # the last one now
        while len(self._versions) > MOST_VERSIONS:
            del self._versions[next(iter(self._versions))]
        numbers.add(prediction, seconds)

    def forget(self, model: str) -> None:
        """Say no more of a model that is no longer served."""
        self._versions = {key: numbers for key, numbers in self._versions.items() if key[0] != model}

    def describe(self) -> Iterator[Metric]:
        """Tell the registry the names, at the registration."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Return the samples, at a scrape."""
        labels = ("model", "version")
        images = CounterMetricFamily("gateway_images", "Images answered, from the cache too", labels=labels)
        empty = CounterMetricFamily(
            "gateway_images_without_detection", "Images in which nothing was found", labels=labels
        )
        classes = CounterMetricFamily("gateway_detections", "Objects found", labels=(*labels, "class"))
        histograms = {
            "seconds": HistogramMetricFamily(
                "gateway_prediction_seconds",
                "Time to answer an image that was received, its queue included",
                labels=labels,
            ),
            "confidence": HistogramMetricFamily(
                "gateway_detection_confidence_ratio", "Confidence of the objects found", labels=labels
            ),
            "area": HistogramMetricFamily(
                "gateway_detection_area_ratio", "Share of the image that the box of an object takes", labels=labels
            ),
            "per_image": HistogramMetricFamily("gateway_image_detections", "Objects found in an image", labels=labels),
            "pixels": HistogramMetricFamily("gateway_image_pixels", "Size of the images", labels=labels),
        }
        for key, numbers in self._versions.items():
            images.add_metric(key, numbers.images)
            empty.add_metric(key, numbers.empty)
            for name, count in numbers.classes.items():
                classes.add_metric((*key, name), count)
            for attribute, family in histograms.items():
                tally: Tally = getattr(numbers, attribute)
                tally.write(family, key)
        yield from (images, empty, classes, *histograms.values())
