"""The drift of one version: its baseline, and the last hour compared with it."""

from collections import deque

from detection_profile import Profile, stability_indexes
from gateway.detection.prediction import Prediction

#: A version without a kept baseline learns one from its first images here.
BASELINE_IMAGES = 1000
#: Fewer recent images say nothing yet.
LEAST_IMAGES = 100
#: The last hour, in slots that are forgotten as a whole.
SLOT_S, SLOTS = 300.0, 12


class VersionDrift:
    """Counts what a version finds. ``kept``: the baseline that is stored with the release."""

    def __init__(self, kept: Profile | None = None) -> None:
        self._kept = kept
        self._learned = Profile()
        self._slots: deque[tuple[int, Profile]] = deque(maxlen=SLOTS)

    @property
    def is_kept(self) -> bool:
        """Whether the baseline is the one stored with the release."""
        return self._kept is not None

    @property
    def baseline(self) -> Profile:
        """The stored baseline, else what was learned so far."""
        return self._kept or self._learned

    def keep(self, kept: Profile | None) -> None:
        """Compare with another stored baseline from now on; None: with what was learned here."""
        self._kept = kept

    def add(self, prediction: Prediction, now: float) -> None:
        """Count an answer. The images of the baseline are not compared with it."""
        width, height = prediction.image_size or (0, 0)
        found = [(one.class_name, one.confidence) for one in prediction.detections]
        if self._learned.images < BASELINE_IMAGES:
            self._learned.add(found, width * height)
            if self._kept is None:
                return
        self._slot(now).add(found, width * height)

    def recent(self, now: float) -> Profile:
        """Return what was found in the last hour."""
        whole = Profile()
        for number, profile in self._slots:
            if number > int(now // SLOT_S) - SLOTS:
                whole.include(profile)
        return whole

    def indexes(self, now: float) -> dict[str, float]:
        """Return the stability index of each aspect; empty while the baseline or the last hour have too few images."""
        recent = self.recent(now)
        if recent.images < LEAST_IMAGES or (self._kept is None and self._learned.images < BASELINE_IMAGES):
            return {}
        return stability_indexes(self.baseline, recent)

    def _slot(self, now: float) -> Profile:
        number = int(now // SLOT_S)
        if not self._slots or self._slots[-1][0] != number:
            self._slots.append((number, Profile()))
        return self._slots[-1][1]
