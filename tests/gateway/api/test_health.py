"""Liveness, readiness, and when predictions are refused at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction
from gateway.model_server.base import Model, Readiness
from gateway.model_server.errors import BackendNotReady, BackendUnavailable
from gateway.model_server.readiness import REUSE_S, TIMEOUT_S, ReadinessWatch
from tests.gateway.conftest import SettingsMaker, assert_error, ready_now, running_app, until
from tests.gateway.support.fake_torchserve import Answer, FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


class FakeBackend:
    """Says of its readiness what the test says."""

    name = "fake"

    def __init__(self) -> None:
        self.answer: Readiness | Exception = Readiness(True, None, "1.0")
        self.asked = 0

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        return Prediction([], None, "fake", None, None)

    async def ready(self) -> Readiness:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def models(self) -> list[Model]:
        return []

    async def aclose(self) -> None:
        return None


@pytest.mark.parametrize(
    ("workers", "ready", "reason"),
    [
        ({"1.0": ["READY"]}, True, None),
        ({"1.0": ["UNLOADING", "READY"]}, True, None),
        ({"1.0": ["READY"], "2.0": []}, True, None),
        ({"1.0": []}, False, "none of its 0 workers"),
        ({"1.0": ["UNLOADING"]}, False, "none of its 1 workers"),
        ({"1.0": ["UNLOADING", "LOADING"]}, False, "none of its 2 workers"),
        ({"1.0": [], "2.0": ["READY"]}, False, "none of its 0 workers"),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/health", "/health/ready"])
async def test_ready_means_a_worker_of_the_default_version_is_ready(
    settings: SettingsMaker,
    fake: FakeTorchServe,
    path: str,
    workers: dict[str, list[str]],
    ready: bool,
    reason: str | None,
) -> None:
    fake.workers = workers
    async with running_app(settings()) as (_, client):
        response = await client.get(path)
    if ready:
        assert response.status_code == 200
        assert response.json() == {
            "status": "ready",
            "backend": "torchserve",
            "model": {"name": "yolo", "version": "1.0"},
            "request_id": response.headers["x-request-id"],
        }
    else:
        assert_error(response, 503, "model_not_ready", reason or "")
        assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (torchserve_error(404, "ModelNotFoundException", "Model not found: yolo"), "no model 'yolo' is loaded"),
        (torchserve_error(500, "InternalServerException", "x"), "cannot be reached"),
        (Answer([]), "cannot be reached"),
        (Answer(b"Healthy"), "cannot be reached"),
        (Answer([{"status": "Healthy"}]), "cannot be reached"),
        (Answer([], delay_s=5), "does not answer in time"),
    ],
    ids=["not registered", "500", "no versions", "no JSON", "no description", "hangs"],
)
async def test_a_model_server_that_is_up_without_the_model_is_not_ready(
    settings: SettingsMaker, fake: FakeTorchServe, answer: Answer, reason: str
) -> None:
    fake.describe = answer
    async with running_app(settings()) as (_, client):
        assert_error(await client.get("/health/ready"), 503, "model_not_ready", reason)


async def test_a_model_server_that_answers_is_ready_although_the_gateway_was_held_up_meanwhile(
    settings: SettingsMaker, fake: FakeTorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, described = asyncio.get_running_loop(), fake._described

    def hold_up(*asked: Any) -> Answer:
        loop.call_soon_threadsafe(time.sleep, TIMEOUT_S + 0.3)  # as when others take the processors
        return described(*asked)

    async with running_app(settings()) as (_, client):
        monkeypatch.setattr(fake, "_described", hold_up)
        assert (await ready_now(client)).status_code == 200


async def test_a_model_server_that_is_down_is_not_ready(settings: SettingsMaker, unused_url: str) -> None:
    async with running_app(settings(torchserve_management_url=unused_url)) as (_, client):
        assert_error(await client.get("/health/ready"), 503, "model_not_ready", "cannot be reached")


async def test_live_is_200_whatever_the_model_server_does(settings: SettingsMaker, unused_url: str) -> None:
    async with running_app(settings(torchserve_management_url=unused_url)) as (_, client):
        response = await client.get("/health/live")
    assert response.status_code == 200
    assert response.json()["status"] == "ok"


async def test_readiness_is_asked_while_every_prediction_connection_is_taken(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([{"boxes": []}], delay_s=1)
    # Another name of the same machine: management is an origin of its own, as it is with TorchServe's two ports.
    management = settings().torchserve_management_url.replace("127.0.0.1", "localhost")
    async with running_app(settings(max_connections=1, torchserve_management_url=management)) as (_, client):
        predicting = asyncio.create_task(client.post("/predict", content=JPEG))
        await until(lambda: fake.predictions)
        assert (await client.get("/health/ready")).status_code == 200
        assert not predicting.done()
        assert (await predicting).status_code == 200


async def test_predictions_are_refused_only_after_the_grace_period() -> None:
    now = 100.0
    backend = FakeBackend()
    watch = ReadinessWatch(backend, grace_s=5, clock=lambda: now)

    watch.require()  # not asked yet: within grace
    await watch.ask()
    now = 1000.0
    watch.require()  # ready for long

    backend.answer = Readiness(False, "none of its 1 workers is ready")
    await watch.ask()
    now += 5
    watch.require()  # exactly the grace period
    now += 0.1
    with pytest.raises(BackendNotReady, match="none of its 1 workers"):
        watch.require()

    backend.answer = Readiness(False, "the model server cannot be reached")
    await watch.ask()
    with pytest.raises(BackendNotReady, match="cannot be reached"):
        watch.require()  # another reason does not start the clock anew

    backend.answer = Readiness(True)
    await watch.ask()
    watch.require()


async def test_a_prediction_that_was_answered_is_not_followed_by_a_refusal(
    settings: SettingsMaker, fake: FakeTorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.workers = {"1.0": []}
    async with running_app(settings(ready_grace_s=0.3)) as (app, client):
        watch, now = app.state.services.readiness, 1000.0
        monkeypatch.setattr(watch, "_clock", lambda: now)
        await watch.ask()
        for _ in range(4):  # longer than the grace period; what the model server says of itself is old
            assert (await client.post("/predict", content=picture("JPEG"))).status_code == 200
            now += 0.15
        fake.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "no worker")
        assert_error(await client.post("/predict", content=picture("JPEG")), 503, "model_not_ready")
        now += 0.4
        before = len(fake.predictions)
        assert_error(await client.post("/predict", content=picture("JPEG")), 503, "model_not_ready")
        assert len(fake.predictions) == before, "refused without asking"


async def test_a_backend_that_raises_is_not_ready() -> None:
    backend = FakeBackend()
    watch = ReadinessWatch(backend, grace_s=0)
    for error in (BackendUnavailable("x"), RuntimeError("a bug")):
        backend.answer = error
        assert (await watch.ask()).ready is False


async def test_the_watch_goes_on_asking_by_itself(settings: SettingsMaker) -> None:
    backend = FakeBackend()
    watch = ReadinessWatch(backend, grace_s=5, interval_s=0)
    task = asyncio.create_task(watch.run())
    await until(lambda: backend.asked >= 3)
    task.cancel()
    assert watch.state.ready


async def test_predict_is_refused_without_asking_a_model_server_known_to_hang(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.workers = {"1.0": ["UNLOADING"]}
    fake.predict = lambda asked: Answer([], delay_s=5)
    async with running_app(settings(ready_grace_s=0)) as (app, client):
        await app.state.services.readiness.ask()
        response = await client.post("/predict", content=JPEG)
        assert_error(response, 503, "model_not_ready", "none of its 1 workers is ready")
        assert fake.predictions == []
        fake.workers = {"1.0": ["READY"]}
        fake.predict = FakeTorchServe().predict
        assert (await ready_now(client)).status_code == 200
        assert (await client.post("/predict", content=JPEG)).status_code == 200


async def test_a_crowd_that_asks_for_readiness_costs_one_question_at_a_time(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.describe = Answer([], delay_s=0.2)
    async with running_app(settings()) as (_, client):
        paths = ["/health", "/health/ready", "/v2/health/ready"] * 10
        answers = await asyncio.gather(*(client.get(path) for path in paths))
        assert {answer.status_code for answer in answers} == {503}
    assert fake.described == 1


async def test_an_answer_is_given_again_for_a_moment_and_not_when_a_prediction_speaks_against_it() -> None:
    now = 100.0
    backend = FakeBackend()
    watch = ReadinessWatch(backend, grace_s=5, clock=lambda: now)
    assert (await watch.recent()).ready
    now += REUSE_S / 2
    backend.answer = Readiness(False, "gone")
    assert (await watch.recent()).ready
    assert backend.asked == 1
    now += REUSE_S
    assert not (await watch.recent()).ready
    assert backend.asked == 2

    backend.answer = Readiness(True)
    now += 0.01
    watch.invalidate()
    now += 0.01
    assert (await watch.recent()).ready
    assert backend.asked == 3


async def test_a_question_from_before_a_doubt_does_not_answer_who_asks_after_it() -> None:
    now = 100.0
    release = asyncio.Event()

    class Slow(FakeBackend):
        async def ready(self) -> Readiness:
            answer = await super().ready()
            await release.wait()
            return answer

    backend = Slow()
    watch = ReadinessWatch(backend, grace_s=5, clock=lambda: now)
    first = asyncio.create_task(watch.recent())
    await until(lambda: backend.asked)
    now += 0.01
    watch.invalidate()
    now += 0.01
    backend.answer = Readiness(False, "gone")
    second = asyncio.create_task(watch.recent())
    await asyncio.sleep(0)
    release.set()
    assert not (await second).ready
    await first
    assert not watch.state.ready
    assert backend.asked == 2


async def test_a_prediction_that_finds_nobody_makes_readiness_ask_at_once(settings: SettingsMaker) -> None:
    class Away(FakeBackend):
        async def predict(self, *_: object) -> Prediction:  # type: ignore[override]
            raise BackendUnavailable("gone")

    backend = Away()
    async with running_app(settings(), backend) as (_, client):
        assert (await client.get("/health/ready")).status_code == 200
        backend.answer = Readiness(False, "gone")
        assert_error(await client.post("/predict", content=JPEG), 503, "backend_unavailable")
        assert_error(await client.get("/health/ready"), 503, "model_not_ready", "gone")
