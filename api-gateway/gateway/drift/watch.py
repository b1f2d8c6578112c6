"""The drift of all versions of all models, and its metrics."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from detection_profile import Profile
from gateway.detection.prediction import Prediction
from gateway.drift.baselines import BaselineFile
from gateway.drift.version import VersionDrift

#: Versions of all models together; the one that was not seen for the longest time gives way.
MOST_VERSIONS = 64
#: How often a stored baseline is looked for, in seconds.
LOOK_S = 10.0


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of one version. ``kept``: the baseline is stored with the release, otherwise learned here."""

    version: str
    kept: bool
    baseline: Profile
    recent_images: int
    indexes: Mapping[str, float]


@dataclass(slots=True)
class _Watched:
    drift: VersionDrift
    file: BaselineFile
    look_again: float


class DriftWatch(Collector):
    """Counts the answers of each version. ``folder``: where the routing is, and with it the stored baselines."""

    def __init__(
        self, folder: Path | None, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._versions: dict[tuple[str, str], _Watched] = {}
        registry.register(self)

    def add(self, model: str, prediction: Prediction) -> None:
        """Count an answer of a model, if it says of which version it is."""
        if prediction.model_version is None:
            return
        key, now = (model, prediction.model_version), self._clock()
        watched = self._versions.pop(key, None)
        if watched is None:
            watched = _Watched(VersionDrift(), BaselineFile(self._folder, *key), now)
        self._versions[key] = watched  # the last one now
        while len(self._versions) > MOST_VERSIONS:
            del self._versions[next(iter(self._versions))]
        self._look(watched, now)
        watched.drift.add(prediction, now)

    def forget(self, model: str) -> None:
        """Say no more of a model that is no longer served."""
        self._versions = {key: watched for key, watched in self._versions.items() if key[0] != model}

    def of(self, model: str) -> list[Drift]:
        """Return the drift of each version of a model."""
        return [self._now(key[1], watched) for key, watched in self._versions.items() if key[0] == model]

    def describe(self) -> Iterator[Metric]:
        """Tell the registry the names, at the registration."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Return the samples, at a scrape."""
        labels = ("model", "version")
        index = GaugeMetricFamily(
            "gateway_drift_stability_index",
            "How far the last hour is from the version's baseline (population stability index); above 0.25 is far",
            labels=(*labels, "aspect"),
        )
        images = GaugeMetricFamily("gateway_drift_images", "Images of the last hour that are compared", labels=labels)
        baseline = GaugeMetricFamily("gateway_drift_baseline_images", "Images of the baseline", labels=labels)
        for key, watched in self._versions.items():
            now = self._now(key[1], watched)
            images.add_metric(key, now.recent_images)
            baseline.add_metric(key, now.baseline.images)
            for aspect, value in now.indexes.items():
                index.add_metric((*key, aspect), value)
        yield from (index, images, baseline)

    def _now(self, version: str, watched: _Watched) -> Drift:
        now, drift = self._clock(), watched.drift
        self._look(watched, now)
        return Drift(version, drift.is_kept, drift.baseline, drift.recent(now).images, drift.indexes(now))

    def _look(self, watched: _Watched, now: float) -> None:
        if now >= watched.look_again:
            watched.look_again = now + LOOK_S
            watched.drift.keep(watched.file.read())
