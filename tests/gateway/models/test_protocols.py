"""Several models in the other protocols: Triton's client with each of them and its index, DeepStack's list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from tests.gateway.conftest import SettingsMaker, running_app, until
from tests.gateway.support.fake_torchserve import FakeTorchServe, asked_model
from tests.gateway.support.pictures import picture
from tests.support import wait_until

JPEG = picture()
INDEX = [
    {"name": "yolo", "version": "1.0", "state": "READY", "reason": ""},
    {"name": "helmets", "version": "1.0", "state": "READY", "reason": ""},
    {"name": "helmets", "version": "1.1", "state": "UNAVAILABLE", "reason": "none of its 2 workers is ready"},
    {"name": "plates", "version": "2.0", "state": "READY", "reason": "unloaded; the next request loads it"},
]


@pytest.fixture
def fake(fake: FakeTorchServe) -> FakeTorchServe:
    fake.others = {
        "helmets": {"1.0": ["READY"], "1.1": ["UNLOADING", "UNLOADING"]},
        "plates": {"2.0": ["READY"]},
    }
    fake.unloaded = {("plates", "2.0")}
    return fake


@pytest.fixture
def triton_client(url: str, fake: FakeTorchServe) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(url.removeprefix("http://"), connection_timeout=20, network_timeout=20)
    wait_until(lambda: len(client.get_model_repository_index()) == 4, "the models are listed")
    yield client
    client.close()


@pytest.fixture
async def client(settings: SettingsMaker, fake: FakeTorchServe) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings()) as (app, client):
        await until(lambda: len(app.state.services.models.names()) == 3)
        yield client


def test_tritons_client_reads_the_index_and_asks_each_model(
    triton_client: triton.InferenceServerClient, fake: FakeTorchServe
) -> None:
    assert triton_client.get_model_repository_index() == INDEX
    assert triton_client.get_model_metadata("helmets")["versions"] == ["1.0", "1.1"]
    ready = {name: triton_client.is_model_ready(name) for name in ("yolo", "helmets", "plates", "masks")}
    assert ready == {"yolo": True, "helmets": True, "plates": True, "masks": False}
    image = triton.InferInput("image", [1], "BYTES")
    image.set_data_from_numpy(np.array([JPEG], dtype=np.object_))
    for name, version in (("helmets", ""), ("plates", "2.0"), ("yolo", "")):
        result = triton_client.infer(name, [image], version)
        assert result.get_response()["model_name"] == name
        assert result.as_numpy("labels").tolist() == [b"person", b"bus"]
        assert asked_model(fake.predictions[-1]) == name


@pytest.mark.anyio
async def test_the_index_of_what_is_ready(client: httpx.AsyncClient) -> None:
    response = await client.post("/v2/repository/index", json={"ready": True})
    assert response.json() == [entry for entry in INDEX if entry["state"] == "READY"]
    assert (await client.post("/v2/repository/index", json={"ready": False})).json() == INDEX
    for body in (b"[]", b"{", b'{"ready": 7}', bytes(5000)):
        refused = await client.post("/v2/repository/index", content=body)
        assert refused.status_code in (400, 413)
        assert "error" in refused.json()


@pytest.mark.anyio
async def test_the_lists_name_all_models(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v2/models")).json() == {"models": ["yolo", "helmets", "plates"]}
    listed = await client.post("/v1/vision/custom/list")
    assert listed.json()["models"] == ["yolo", "helmets", "plates"]


@pytest.mark.anyio
async def test_deepstacks_default_stays_the_default_model(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    for path in ("detection", "custom/yolo", "custom/helmets"):
        assert (await client.post(f"/v1/vision/{path}", files={"image": JPEG})).status_code == 200
    assert [asked_model(asked) for asked in fake.predictions] == ["yolo", "yolo", "helmets"]
    assert (await client.post("/v1/vision/custom/masks", files={"image": JPEG})).status_code == 404


@pytest.mark.anyio
async def test_deepstacks_yolo_is_the_default_model_where_that_has_another_name(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.list_models = None
    async with running_app(settings(model_name="helmets")) as (_, client):
        await client.post("/v1/vision/custom/yolo", files={"image": JPEG})
    assert asked_model(fake.predictions[-1]) in ("yolo", "helmets")
