"""Profiles of what was found, and the population stability index between two of them."""

from __future__ import annotations

import json
import random

import pytest

from detection_profile import ASPECTS, MOST_CLASSES, Profile, parse, stability_indexes

STREET = {"person": 0.6, "car": 0.25, "bus": 0.1, "dog": 0.04, "cat": 0.007, "kite": 0.003}


def seen(images: int, seed: int, classes: dict[str, float] = STREET, mean: float = 0.7, most: int = 6) -> Profile:
    """What a model finds in so many images: objects of one image are of one class, as in a street full of people."""
    chance, profile = random.Random(seed), Profile()
    for _ in range(images):
        (name,) = chance.choices(list(classes), list(classes.values()))
        found = [(name, min(max(chance.gauss(mean, 0.15), 0.0), 1.0)) for _ in range(chance.randint(0, most))]
        profile.add(found, chance.choice((640 * 480, 1920 * 1080)))
    return profile


@pytest.mark.parametrize("images", [100, 1000])
def test_the_same_stream_does_not_drift_by_chance(images):
    baseline = seen(1000, 0)
    worst = [max(stability_indexes(baseline, seen(images, seed)).values()) for seed in range(1, 21)]
    assert max(worst) < 0.25
    assert sum(index > 0.1 for index in worst) <= 2


@pytest.mark.parametrize(
    ("aspect", "shifted"),
    [
        ("classes", {"classes": {"person": 0.1, "car": 0.7, "bus": 0.1, "dog": 0.1}}),
        ("classes", {"classes": {"zebra": 1.0}}),
        ("confidence", {"mean": 0.45}),
        ("detections", {"most": 40}),
    ],
)
def test_a_shifted_stream_drifts_in_what_is_shifted(aspect, shifted):
    indexes = stability_indexes(seen(1000, 0), seen(300, 1, **shifted))
    assert indexes.pop(aspect) > 0.25
    assert max(indexes.values()) < 0.1


def test_other_sizes_of_images_drift():
    small = Profile()
    for _ in range(300):
        small.add([("person", 0.7)], 320 * 240)
    assert stability_indexes(seen(1000, 0), small)["pixels"] > 0.25


def test_without_objects_there_is_nothing_to_say_about_them():
    empty = Profile()
    for _ in range(200):
        empty.add([], 0)
    assert stability_indexes(empty, empty) == {"detections": 0}
    assert stability_indexes(Profile(), Profile()) == {}


def test_it_survives_json_and_adds_up():
    profile, twice = seen(50, 3), Profile()
    assert parse(json.loads(json.dumps(profile.to_json()))) == profile
    twice.include(profile)
    twice.include(profile)
    assert twice.images == 100
    assert twice.counts["classes"]["person"] == 2 * profile.counts["classes"]["person"]
    assert set(twice.counts) == set(ASPECTS)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"schema": 2, "images": 1, "counts": {}}, {**Profile().to_json(), "images": -1},
     {**Profile().to_json(), "images": "many"}, {"schema": 1, "images": 1, "counts": {"classes": {"a": 1.5}}}],
)  # fmt: skip
def test_what_is_not_a_profile_is_refused(document):
    with pytest.raises(ValueError, match=r"profile|schema"):
        parse(document)


def test_names_of_classes_are_bounded():
    profile = Profile()
    for number in range(MOST_CLASSES + 10):
        profile.add([(f"{number}" + "x" * 1000, 0.5)], 0)
    assert len(profile.counts["classes"]) == MOST_CLASSES + 1
    assert max(map(len, profile.counts["classes"])) == 64
