"""Drift in the gateway: learned and stored baselines, the last hour, metrics and GET /models."""

from __future__ import annotations

import json
import random
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from detection_profile import Profile
from gateway.detection.prediction import Detection, Prediction
from gateway.drift.version import BASELINE_IMAGES, LEAST_IMAGES
from gateway.drift.watch import LOOK_S, MOST_VERSIONS, DriftWatch
from tests.gateway.conftest import SettingsMaker, running_app
from tests.gateway.support import scraping
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.support.waiting import Clock

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
PEOPLE, CARS = ("person", "person", "person", "car"), ("car", "car", "car", "person")


def prediction(number: int, names: tuple[str, ...] = PEOPLE, version: str | None = "1.0") -> Prediction:
    name = names[number % len(names)]
    return Prediction([Detection(0.8, name, 0, (0.0, 0.0, 9.0, 9.0))], (640, 480), "yolo", version, "detect")


class Stream:
    """Images of one model, with a clock that the test sets."""

    def __init__(self, folder: Path | None = None) -> None:
        self.clock, self.registry = Clock(), CollectorRegistry()
        self.watch = DriftWatch(folder, self.registry, self.clock)

    def send(self, images: int, names: tuple[str, ...] = PEOPLE, version: str | None = "1.0") -> None:
        for number in range(images):
            self.watch.add("yolo", prediction(number, names, version))

    def indexes(self, version: str = "1.0") -> dict[str, float]:
        (found,) = (dict(one.indexes) for one in self.watch.of("yolo") if one.version == version)
        return found

    def images(self) -> int:
        (found,) = self.watch.of("yolo")
        return found.recent_images


def store(folder: Path, profile: Profile, version: str = "1.0") -> Path:
    path = folder / "baselines/yolo" / f"{version}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(profile.to_json()))
    return path


def profile(names: tuple[str, ...] = PEOPLE, images: int = 400) -> Profile:
    made = Profile()
    for number in range(images):
        made.add([(names[number % len(names)], 0.8)], 640 * 480)
    return made


def test_the_first_images_are_the_baseline_and_the_next_thousand_alike_do_not_drift():
    stream = Stream()
    stream.send(BASELINE_IMAGES)
    assert (stream.indexes(), stream.images()) == ({}, 0)
    stream.send(LEAST_IMAGES - 1)
    assert stream.indexes() == {}
    stream.send(1000)
    assert stream.indexes() == {"classes": 0, "confidence": 0, "detections": 0, "pixels": 0}


def test_other_classes_drift_and_the_hour_forgets_them():
    stream = Stream()
    stream.send(BASELINE_IMAGES)
    stream.send(200, CARS)
    assert stream.indexes()["classes"] > 0.25
    assert stream.indexes()["confidence"] == 0
    stream.clock.now += 1800
    stream.send(200)
    assert stream.images() == 400
    stream.clock.now += 2100
    assert stream.images() == 200
    assert stream.indexes()["classes"] == 0
    stream.clock.now += 3600
    assert (stream.images(), stream.indexes()) == (0, {})


def answers(chance: random.Random, person: float) -> Prediction:
    """What a model answers about a picture of a street; ``person``: the share of people among what it finds."""
    classes, weights = ("person", "car", "bus", "dog"), (person, 0.95 - person, 0.04, 0.01)
    size = chance.choice(((640, 480), (1920, 1080)))
    found = [
        Detection(min(max(chance.gauss(0.7, 0.15), 0.0), 1.0), name, classes.index(name), (0.0, 0.0, 9.0, 9.0))
        for name in chance.choices(classes, weights, k=chance.randint(0, 6))
    ]
    return Prediction(found, size, "yolo", "1.0", "detect")


def test_a_thousand_various_images_of_the_same_street_do_not_drift_and_a_shift_of_their_classes_does():
    stream, chance = Stream(), random.Random(1)
    for _ in range(BASELINE_IMAGES):
        stream.watch.add("yolo", answers(chance, person=0.6))
    worst = 0.0
    for _ in range(1000):
        stream.watch.add("yolo", answers(chance, person=0.6))
        stream.clock.now += 3
        worst = max(worst, *stream.indexes().values(), 0.0)
    assert worst < 0.1
    for _ in range(600):
        stream.watch.add("yolo", answers(chance, person=0.1))
        stream.clock.now += 3
    indexes = stream.indexes()
    assert indexes.pop("classes") > 0.25
    assert max(indexes.values()) < 0.1


def test_each_version_has_a_baseline_of_its_own():
    stream = Stream()
    stream.send(BASELINE_IMAGES + LEAST_IMAGES)
    stream.send(BASELINE_IMAGES + LEAST_IMAGES, CARS, "1.1")
    stream.send(10, version=None)  # a server that does not say which version answered
    assert stream.indexes("1.0")["classes"] == stream.indexes("1.1")["classes"] == 0
    assert len(stream.watch.of("yolo")) == 2


def test_a_stored_baseline_is_compared_at_once_and_followed_when_it_changes(tmp_path):
    path = store(tmp_path, profile())
    stream = Stream(tmp_path)
    stream.send(LEAST_IMAGES)
    assert stream.indexes()["classes"] == 0
    path.write_text(json.dumps(profile(CARS).to_json()))
    stream.clock.now += LOOK_S
    assert stream.indexes()["classes"] > 0.25
    path.write_text("{")  # invalid: the last good one stays
    stream.clock.now += LOOK_S
    assert stream.indexes()["classes"] > 0.25
    path.unlink()
    stream.clock.now += LOOK_S
    assert stream.indexes() == {}, "it has learned too few images itself"


@pytest.mark.parametrize("version", ["../1.0", "..", "", "a/b", "x" * 200])
def test_a_version_is_never_a_path_elsewhere(tmp_path, version):
    (tmp_path / "baselines/yolo").mkdir(parents=True)
    (tmp_path / "baselines/1.0.json").write_text(json.dumps(profile().to_json()))
    stream = Stream(tmp_path)
    stream.send(1, version=version)
    (seen,) = stream.watch.of("yolo")
    assert not seen.kept


def test_the_metrics_are_bounded_and_end_with_their_model():
    stream = Stream()
    for number in range(MOST_VERSIONS + 5):
        stream.send(1, version=f"1.{number}")
    text = generate_latest(stream.registry).decode()
    assert text.count("gateway_drift_images{") == MOST_VERSIONS
    stream.watch.forget("yolo")
    assert "gateway_drift_images{" not in generate_latest(stream.registry).decode()


async def test_a_shifted_stream_raises_the_metric_and_is_shown_by_get_models(
    settings: SettingsMaker, fake: FakeTorchServe, tmp_path: Path
) -> None:
    routing = tmp_path / "routing"
    store(routing, profile(("person",)))
    app = settings(routing_file=str(routing / "routing.json"))
    async with running_app(app) as (_, client):

        async def send(images: int, **parameters: str) -> None:
            for _ in range(images):
                answer = await client.post("/predict", content=JPEG, params=parameters)
                assert answer.status_code == 200

        fake.predict = lambda asked: Answer([{**STREET, "boxes": STREET["boxes"][:1]}])
        await send(5, conf="0.9")
        assert await scraping.metric(client, "gateway_drift_images", model="yolo", version="1.0") == 0
        await send(LEAST_IMAGES)
        shown = await drift(client, "/models/yolo")
        assert (shown["version"], shown["kept"], shown["baseline_images"]) == ("1.0", True, 400)
        assert shown["recent_images"] == LEAST_IMAGES
        assert shown["indexes"]["detections"] == 0
        assert shown["baseline"]["images"] == 400
        assert (await drift(client, "/models"))["baseline"] is None
        fake.predict = lambda asked: Answer([{**STREET, "boxes": []}])
        await send(LEAST_IMAGES)
        assert await scraping.metric(client, "gateway_drift_stability_index", aspect="detections") > 0.25
        assert await scraping.metric(client, "gateway_drift_baseline_images", model="yolo") == 400


async def drift(client: httpx.AsyncClient, address: str) -> dict:
    (shown,) = (await client.get(address)).json()["drift"]
    return shown
