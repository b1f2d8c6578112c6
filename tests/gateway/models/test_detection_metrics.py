"""What the models find, in GET /metrics: classes, confidences, sizes; bounded whatever a model or a client does."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.detection.prediction import Detection, Prediction
from gateway.models.detection_metrics import MOST_CLASSES, MOST_VERSIONS, OTHER, DetectionMetrics
from tests.gateway.conftest import SettingsMaker, running_app, until
from tests.gateway.support import scraping
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
BUS = Detection(0.95, "bus", 5, (0.0, 0.0, 50.0, 50.0))
EMPTY = Prediction([], (100, 100), "yolo", "1.0", "detect")


def rendered(*answers: tuple[str, Prediction]) -> str:
    registry = CollectorRegistry()
    metrics = DetectionMetrics(registry)
    for model, prediction in answers:
        metrics.add(model, prediction, 0.06)
    return generate_latest(registry).decode()


async def test_what_was_found_is_counted_by_model_version_and_class(client: httpx.AsyncClient) -> None:
    await client.post("/predict", content=JPEG)
    await client.post("/predict", content=JPEG)
    text = (await client.get("/metrics")).text

    def of(name: str, **labels: str) -> float:
        return scraping.total(text, name, {"model": "yolo", "version": "1.0", **labels})

    assert of("gateway_images_total") == 2
    assert (
        of("gateway_detections_total", **{"class": "person"}) == of("gateway_detections_total", **{"class": "bus"}) == 2
    )
    assert of("gateway_images_without_detection_total") == 0
    assert of("gateway_detection_confidence_ratio_bucket", le="0.8") == 2, "those of 0.74"
    assert of("gateway_detection_area_ratio_bucket", le="0.05") == 2, "the person takes 2.8 %"
    assert of("gateway_detection_area_ratio_count") == of("gateway_detection_confidence_ratio_count") == 4
    assert of("gateway_image_detections_sum") == 4
    assert of("gateway_image_pixels_sum") == 2 * 810 * 1080
    assert of("gateway_prediction_seconds_count") == 2


async def test_an_answer_from_the_cache_counts_and_a_refused_image_does_not(settings: SettingsMaker) -> None:
    async with running_app(settings(cache="memory")) as (_, client):
        for content in (JPEG, JPEG, b"text"):
            await client.post("/predict", content=content, headers={"Content-Type": "image/jpeg"})
        assert await scraping.metric(client, "gateway_images_total") == 2
        assert await scraping.metric(client, "gateway_upstream_seconds_count", model="yolo") == 1


async def test_an_image_without_a_detection_is_counted_as_such(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "boxes": []}])
    await client.post("/predict", content=JPEG)
    assert await scraping.metric(client, "gateway_images_without_detection_total") == 1
    assert await scraping.metric(client, "gateway_image_detections_bucket", le="0.0") == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (torchserve_error(500, "InternalServerException", "it broke"), "error"),
        (torchserve_error(503, "ServiceUnavailableException", "full"), "overloaded"),
        (torchserve_error(400, "InvalidImage", "damaged"), "rejected"),
    ],
)
async def test_failures_of_the_model_server_are_counted_by_kind(
    client: httpx.AsyncClient, fake: FakeTorchServe, answer: Answer, kind: str
) -> None:
    assert await scraping.metric(client, "gateway_upstream_failures_total", kind=kind) == 0
    fake.predict = lambda asked: answer
    await client.post("/predict", content=JPEG)
    kinds = await scraping.by_labels(client, "gateway_upstream_failures_total", "model", "kind")
    assert {key: count for key, count in kinds.items() if count} == {("yolo", kind): 1}


async def test_a_model_that_is_no_longer_served_has_no_series_left(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.others = {"birds": {"1.0": ["READY"]}}
    async with running_app(settings()) as (app, client):
        await client.post("/predict?model=birds", content=JPEG)
        assert await scraping.metric(client, "gateway_images_total", model="birds") == 1
        fake.others = {}
        lines = app.state.services.models
        await lines.refresh()
        await until(lambda: "birds" not in lines.names() and not lines._leaving and not lines._closing)
        text = (await client.get("/metrics")).text
        assert scraping.total(text, "gateway_images_total", {"model": "birds"}) == 0
        assert not any(
            sample.labels.get("model") == "birds"
            for sample in scraping.samples(text)
            if sample.name.startswith(("gateway_upstream", "gateway_image", "gateway_detection", "gateway_prediction"))
        )


async def test_workers_are_told_by_state_and_remembered_while_the_server_is_gone(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.workers = {"1.0": ["READY", "UNLOADING", "READY"]}
    found = await scraping.by_labels(client, "gateway_model_workers", "model", "version", "state")
    assert found == {("yolo", "1.0", "READY"): 2, ("yolo", "1.0", "UNLOADING"): 1}
    fake.describe = Answer(b"", 500)
    assert await scraping.metric(client, "gateway_model_workers", state="READY") == 2


def test_a_class_beyond_the_bound_is_another_one() -> None:
    found = [replace(BUS, class_name=f"class {number}") for number in range(MOST_CLASSES + 20)]
    text = rendered(("yolo", replace(EMPTY, detections=found)))
    classes = [sample for sample in scraping.samples(text) if sample.name == "gateway_detections_total"]
    assert len(classes) == MOST_CLASSES + 1
    assert scraping.total(text, "gateway_detections_total", {"class": OTHER}) == 20


def test_a_name_that_is_long_or_odd_is_one_label_of_bounded_length() -> None:
    text = rendered(("yolo", replace(EMPTY, detections=[replace(BUS, class_name='a"\n\\' + "b" * 500)])))
    (one,) = [sample for sample in scraping.samples(text) if sample.name == "gateway_detections_total"]
    assert one.labels["class"].startswith('a"\n\\b')
    assert len(one.labels["class"]) == 64


def test_the_version_that_was_not_seen_for_the_longest_time_gives_way() -> None:
    versions = [replace(EMPTY, model_version=str(number)) for number in range(MOST_VERSIONS + 1)]
    text = rendered(("yolo", versions[0]), *(("yolo", one) for one in (*versions[1:-1], versions[0], versions[-1])))
    left = {sample.labels["version"] for sample in scraping.samples(text) if sample.name == "gateway_images_total"}
    assert len(left) == MOST_VERSIONS
    assert left == {str(number) for number in range(MOST_VERSIONS + 1)} - {"1"}


def test_fifty_classes_in_four_versions_stay_a_small_page() -> None:
    found = [replace(BUS, class_name=f"class {number}") for number in range(50)]
    text = rendered(*(("yolo", replace(EMPTY, model_version=version, detections=found)) for version in "1234"))
    assert len(text) < 60_000
