"""GET /models and GET /models/{name} with several models."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.gateway.support.routing_files import RoutingJson

pytestmark = pytest.mark.anyio


@pytest.fixture
def fake(fake: FakeTorchServe) -> FakeTorchServe:
    fake.others = {"plates": {"2.0": ["READY"]}, "helmets": {"1.0": ["READY"], "1.1": ["UNLOADING"]}}
    return fake


async def test_all_models_are_listed_and_each_has_its_own_routing_and_traffic(
    settings: SettingsMaker, fake: FakeTorchServe, tmp_path: Path
) -> None:
    of_yolo, of_helmets = RoutingJson(tmp_path), RoutingJson(tmp_path)
    of_helmets.path = tmp_path / "helmets.json"
    of_helmets.revision = 6
    of_helmets.canary(10)
    async with running_app(settings(routing_file=str(of_yolo.path))) as (_, client):
        await client.post("/predict?model=helmets&version=1.0", content=picture())
        every = (await client.get("/models")).json()
        helmets = (await client.get("/models/helmets")).json()
        yolo = (await client.get("/models/yolo")).json()
    names = {model["name"]: [version["version"] for version in model["versions"]] for model in every["models"]}
    assert list(names.items()) == [("yolo", ["1.0"]), ("helmets", ["1.0", "1.1"]), ("plates", ["2.0"])]
    assert every["routing"] is None
    assert every["traffic"] == []
    assert set(helmets) == set(every)
    assert [model["name"] for model in helmets["models"]] == ["helmets"]
    assert helmets["models"][0] == every["models"][1]
    assert (helmets["routing"]["revision"], helmets["routing"]["canary"]) == (7, {"version": "1.1", "percent": 10})
    assert {(row["version"], row["role"], row["requests"]) for row in helmets["traffic"]} >= {("1.1", "canary", 0)}
    assert {**yolo, "request_id": ""} == {**every, "models": every["models"][:1], "request_id": ""}


async def test_an_unknown_model_is_a_404(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    async with running_app(settings()) as (_, client):
        response = await client.get("/models/masks")
        assert_error(response, 404, "model_not_found", "'yolo', 'helmets', 'plates'")


async def test_a_model_that_cannot_be_described_does_not_hide_the_others(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    async with running_app(settings()) as (app, client):
        await until(lambda: len(app.state.services.models.names()) == 3)
        del fake.others["helmets"]
        listed: httpx.Response = await client.get("/models")
    assert [model["name"] for model in listed.json()["models"]] == ["yolo", "plates"]
