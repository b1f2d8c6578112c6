"""GET /models: what is loaded, as the model server and the model itself tell it."""

from __future__ import annotations

import httpx
import pytest

from gateway.model_server.torchserve import backend
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.fake_torchserve import Answer, FakeTorchServe, torchserve_error

pytestmark = pytest.mark.anyio


async def test_a_version_is_described_with_workers_batching_queue_and_its_own_details(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    response = await client.get("/models")
    assert response.status_code == 200
    assert response.json() == {
        "status": "success",
        "backend": "torchserve",
        "models": [
            {
                "name": "yolo",
                "versions": [
                    {
                        "version": "1.0",
                        "default": True,
                        "workers": [
                            {
                                "id": "9000",
                                "state": "READY",
                                "started": "2026-11-23T11:40:39.223Z",
                                "memory_bytes": 231186432,
                                "gpu": False,
                            }
                        ],
                        "batch_size": 4,
                        "max_batch_delay_ms": 5,
                        "queue_free": 100,
                        "queue_waiting": 0,
                        "details": {"engine": "openvino", "threads": 2},
                    }
                ],
            }
        ],
        "routing": None,
        "traffic": [],
        "drift": [],
        "request_id": response.headers["x-request-id"],
    }


async def test_every_loaded_version_is_listed_and_one_is_the_default(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.workers = {"1.1": ["READY"], "1.0": ["READY", "UNLOADING"]}
    (model,) = (await client.get("/models")).json()["models"]
    listed = [(v["version"], v["default"], [w["state"] for w in v["workers"]]) for v in model["versions"]]
    assert listed == [("1.1", True, ["READY"]), ("1.0", False, ["READY", "UNLOADING"])]


@pytest.mark.parametrize(
    "details",
    [None, Answer(b"", 503), torchserve_error(503, "InternalServerException", "Prediction failed"), Answer([{}])],
    ids=["a busy worker", "no room", "a handler that does not describe itself", "nonsense"],
)
async def test_without_details_the_rest_is_told_all_the_same(
    client: httpx.AsyncClient, fake: FakeTorchServe, details: Answer | None
) -> None:
    fake.details = details
    response = await client.get("/models")
    assert response.status_code == 200
    assert response.json()["models"][0]["versions"][0]["details"] == {}


async def test_details_are_asked_for_once_and_again_when_the_workers_change(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    for _ in range(3):
        await client.get("/models")
    assert fake.details_asked == 1
    fake.workers = {"1.0": ["READY", "READY"]}
    await client.get("/models")
    assert fake.details_asked == 2


async def test_details_of_what_is_loaded_no_more_are_forgotten_and_those_of_the_rest_kept(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.workers = {"1.0": ["READY"], "1.1": ["READY"]}
    await client.get("/models")
    assert fake.details_asked == 2
    del fake.workers["1.1"]
    await client.get("/models")
    assert fake.details_asked == 2
    fake.workers["1.1"] = ["READY"]
    await client.get("/models")
    assert fake.details_asked == 3
    fake.started = "2026-11-24T00:00:00.000Z"  # the same names and workers' numbers, after a restart
    await client.get("/models")
    assert fake.details_asked == 5


async def test_versions_that_are_too_busy_to_describe_themselves_are_asked_at_the_same_time(
    client: httpx.AsyncClient, fake: FakeTorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "DETAILS_TIMEOUT_S", 0.5)
    fake.workers = {f"1.{number}": ["READY"] for number in range(8)}
    fake.details = None
    versions = (await client.get("/models")).json()["models"][0]["versions"]
    assert [version["version"] for version in versions] == list(fake.workers)
    assert fake.most_delayed == backend.DETAILS_AT_ONCE > 1


async def test_a_version_without_a_ready_worker_is_not_asked_for_details(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.workers = {"1.0": ["UNLOADING"]}
    (version,) = (await client.get("/models")).json()["models"][0]["versions"]
    assert version["details"] == {}
    assert fake.details_asked == 0


async def test_a_model_server_that_is_down_is_503(settings: SettingsMaker, unused_url: str) -> None:
    async with running_app(settings(torchserve_management_url=unused_url)) as (_, client):
        assert_error(await client.get("/models"), 503, "backend_unavailable")


async def test_a_model_that_is_not_there_is_503(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.describe = torchserve_error(404, "ModelNotFoundException", "Model not found: yolo")
    assert_error(await client.get("/models"), 503, "model_not_ready", "no model 'yolo' is loaded")


async def test_a_description_that_makes_no_sense_is_502(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.describe = Answer([{"workers": 3}])
    assert_error(await client.get("/models"), 502, "backend_error")
