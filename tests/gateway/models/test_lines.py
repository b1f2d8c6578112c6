"""Several models behind one gateway: each is asked by its name, appears and goes, and bothers no other."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path

import httpx
import pytest

from gateway.model_server.torchserve import backend
from gateway.models.lines import TIMEOUT_S
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.fake_torchserve import (
    STREET,
    Answer,
    Asked,
    FakeTorchServe,
    asked_model,
    street,
    torchserve_error,
)
from tests.gateway.support.pictures import picture
from tests.gateway.support.routing_files import RoutingJson, asked_version
from tests.gateway.support.scraping import by_labels, metric

pytestmark = pytest.mark.anyio

JPEG = picture()


@pytest.fixture
def fake(fake: FakeTorchServe) -> FakeTorchServe:
    fake.others = {"helmets": {"1.0": ["READY"]}, "plates": {"2.0": ["READY"]}}
    return fake


def model_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    name: str = response.json()["model"]["name"]
    return name


async def test_a_model_is_asked_by_query_form_field_and_json_key(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    encoded = base64.b64encode(JPEG).decode()
    answers = [
        await client.post("/predict?model=helmets", content=JPEG),
        await client.post("/predict", files={"file": JPEG}, data={"model": "plates"}),
        await client.post("/predict", json={"image": encoded, "model": "helmets", "conf": 0.5}),
        await client.post("/predict", content=JPEG),
        await client.post("/predict?model=", content=JPEG),
        await client.post("/predict?model=yolo", content=JPEG),
    ]
    expected = ["helmets", "plates", "helmets", "yolo", "yolo", "yolo"]
    assert list(map(model_of, answers)) == expected
    assert list(map(asked_model, fake.predictions)) == expected
    assert fake.predictions[2].query == {"conf": "0.5"}


async def test_a_batch_asks_one_model_for_all_its_images(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    files = [("files", (f"{number}.jpg", JPEG)) for number in range(2)]
    response = await client.post("/predict/batch", files=files, data={"model": "helmets"})
    assert [entry["model"]["name"] for entry in response.json()["results"]] == ["helmets"] * 2
    assert [asked_model(asked) for asked in fake.predictions] == ["helmets"] * 2


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize("name", ["masks", "../yolo", "yolo/1.0", "Helmets"])
async def test_an_unknown_model_is_a_404_that_names_those_there_are(
    client: httpx.AsyncClient, fake: FakeTorchServe, path: str, name: str
) -> None:
    field = "file" if path == "/predict" else "files"
    for response in (
        await client.post(path, params={"model": name}, files={field: JPEG}),
        await client.post(path, data={"model": name}, files={field: JPEG}),
    ):
        assert_error(response, 404, "model_not_found", name, "'yolo', 'helmets', 'plates'")
    assert not fake.predictions


async def test_with_one_model_the_404_names_that_one(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.others = {}
    await until(lambda: fake.listed > 1)
    assert_error(await client.post("/predict?model=masks", content=JPEG), 404, "model_not_found", "one is 'yolo'")


async def test_a_model_is_served_as_soon_as_it_is_loaded_and_no_longer_than_it_is(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    await until(lambda: fake.listed)
    fake.others["masks"] = {"1.0": ["READY"]}
    await asyncio.sleep(0.3)  # the last list is not taken for new any more
    assert model_of(await client.post("/predict?model=masks", content=JPEG)) == "masks"
    del fake.others["masks"]
    # Before the gateway has noticed it by itself: TorchServe says so, and the list is asked for.
    assert_error(await client.post("/predict?model=masks", content=JPEG), 404, "model_not_found", "'yolo', 'helmets'")
    assert model_of(await client.post("/predict", content=JPEG)) == "yolo"


async def test_a_model_that_was_just_loaded_is_found_although_the_gateway_was_held_up_meanwhile(
    client: httpx.AsyncClient, fake: FakeTorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, page = asyncio.get_running_loop(), fake._page

    def hold_up(asked: Asked) -> Answer:
        loop.call_soon_threadsafe(time.sleep, TIMEOUT_S + 0.3)  # as when others take the processors
        return page(asked)

    await until(lambda: fake.listed)
    monkeypatch.setattr(fake, "_page", hold_up)
    fake.others["masks"] = {"1.0": ["READY"]}
    await asyncio.sleep(0.3)  # the last list is not taken for new any more
    assert model_of(await client.post("/predict?model=masks", content=JPEG)) == "masks"


async def test_a_request_in_flight_finishes_when_its_model_goes(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer(street(asked).body, delay_s=0.0 if asked_model(asked) == "yolo" else 4.0)
    asking = asyncio.create_task(client.post("/predict?model=helmets", content=JPEG))
    await until(lambda: fake.predictions)
    del fake.others["helmets"]
    seen = fake.listed
    await until(lambda: fake.listed > seen + 1)
    assert_error(await client.post("/predict?model=helmets", content=JPEG), 404, "model_not_found")
    assert not asking.done()
    assert model_of(await asking) == "helmets"


async def test_a_model_that_comes_back_while_a_request_is_in_flight_is_served(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer(street(asked).body, delay_s=0.1 if len(fake.predictions) > 1 else 3)
    asking = asyncio.create_task(client.post("/predict?model=helmets", content=JPEG))
    await until(lambda: fake.predictions)
    kept = fake.others.pop("helmets")
    seen = fake.listed
    await until(lambda: fake.listed > seen + 1)
    fake.others["helmets"] = kept
    await asyncio.sleep(0.3)
    assert model_of(await client.post("/predict?model=helmets", content=JPEG)) == "helmets"
    assert model_of(await asking) == "helmets"
    assert model_of(await client.post("/predict?model=helmets", content=JPEG)) == "helmets"


async def test_all_pages_of_the_list_are_read(
    client: httpx.AsyncClient, fake: FakeTorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "PAGE", 2)
    fake.others |= {f"model-{number}": {"1.0": ["READY"]} for number in range(5)}
    await asyncio.sleep(0.3)
    for name in fake.others:
        assert model_of(await client.post(f"/predict?model={name}", content=JPEG)) == name


@pytest.mark.parametrize(
    "listed", [torchserve_error(503, "InternalServerException", "busy"), Answer(b"{"), Answer({"models": [{}]})]
)
async def test_a_list_that_fails_changes_nothing(
    client: httpx.AsyncClient, fake: FakeTorchServe, listed: Answer
) -> None:
    assert model_of(await client.post("/predict?model=helmets", content=JPEG)) == "helmets"
    fake.list_models, seen = listed, fake.listed
    await until(lambda: fake.listed > seen + 1)
    assert model_of(await client.post("/predict?model=helmets", content=JPEG)) == "helmets"


async def test_a_name_that_no_request_could_write_is_not_served(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.others = {"a,b": {"1.0": ["READY"]}, "ready": {"1.0": ["READY"]}, "masks": {"1.0": ["READY"]}}
    await asyncio.sleep(0.3)
    assert_error(await client.post("/predict?model=ready", content=JPEG), 404, "model_not_found", "'yolo', 'masks'.")


async def test_a_version_and_its_header_are_about_the_model_that_is_asked(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer(
        [{**STREET, "model": {"name": asked_model(asked), "version": asked_version_of(asked)}}]
    )
    response = await client.post("/predict?model=plates&version=2.0", content=JPEG)
    assert (model_of(response), response.headers["x-model-version"]) == ("plates", "2.0")
    assert fake.predictions[-1].path == "/plates/2.0/predict"
    assert_error(await client.post("/predict?version=2.0", content=JPEG), 404, "version_not_found")
    assert_error(await client.post("/predict?model=helmets&version=2.0", content=JPEG), 404, "version_not_found")


def asked_version_of(asked: Asked) -> str:
    parts = asked.path.strip("/").split("/")
    return parts[1] if parts[-1] == "predict" else "1.0"


async def test_each_model_has_a_routing_of_its_own(
    settings: SettingsMaker, fake: FakeTorchServe, tmp_path: Path
) -> None:
    fake.others["helmets"]["1.1"] = ["READY"]
    fake.predict = lambda asked: Answer(
        [{**STREET, "model": {"name": asked_model(asked), "version": asked_version_of(asked)}}]
    )
    of_yolo = RoutingJson(tmp_path)
    of_helmets = RoutingJson(tmp_path)
    of_helmets.path = tmp_path / "helmets.json"
    of_helmets.canary(100, "1.1")
    async with running_app(settings(routing_file=str(of_yolo.path))) as (_, client):
        versions = {
            name: (await client.post(f"/predict?model={name}", content=JPEG)).headers["x-model-version"]
            for name in ("yolo", "helmets", "plates")
        }
        assert versions == {"yolo": "1.0", "helmets": "1.1", "plates": "1.0"}
        by_model = await by_labels(client, "gateway_version_requests_total", "model", "version", "role", "outcome")
    assert {key for key, value in by_model.items() if value} == {
        ("yolo", "1.0", "stable", "ok"),
        ("helmets", "1.1", "canary", "ok"),
        ("plates", "1.0", "stable", "ok"),
    }
    assert asked_version(Asked("POST", "/yolo/1.1/predict", {}, {}, b"")) == "1.1"


async def test_a_model_that_is_about_to_be_unloaded_gets_no_more_requests(
    settings: SettingsMaker, fake: FakeTorchServe, tmp_path: Path
) -> None:
    fake.predict = lambda asked: Answer(street(asked).body, delay_s=0.5)
    leaving = RoutingJson(tmp_path)
    leaving.path = tmp_path / "helmets.json"
    async with running_app(settings(routing_file=str(tmp_path / "routing.json"))) as (app, client):
        asking = asyncio.create_task(client.post("/predict?model=helmets", content=JPEG))
        await until(lambda: fake.predictions)
        leaving.write(removed=True)
        await until(lambda: "helmets" not in app.state.services.models.names())
        assert_error(await client.post("/predict?model=helmets", content=JPEG), 404, "model_not_found", "'plates'.")
        assert model_of(await asking) == "helmets", "what it was asked before is answered"
        leaving.path.unlink()
        await until(lambda: "helmets" in app.state.services.models.names())
        assert model_of(await client.post("/predict?model=helmets", content=JPEG)) == "helmets"


async def test_the_cache_tells_models_apart(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    async with running_app(settings(cache="memory")) as (_, client):
        seen = []
        for _ in range(2):
            for name in ("yolo", "helmets"):
                response = await client.post(f"/predict?model={name}", content=JPEG)
                seen.append((model_of(response), response.headers["x-cache"]))
    assert seen == [("yolo", "MISS"), ("helmets", "MISS"), ("yolo", "HIT"), ("helmets", "HIT")]


async def test_a_failing_model_leaves_the_others_answering(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    async with running_app(settings(ready_grace_s=0)) as (app, client):
        await until(lambda: app.state.services.readiness.state.ready)
        fake.others["helmets"] = {"1.0": ["UNLOADING"]}
        assert_error(await client.post("/predict?model=helmets", content=JPEG), 503, "model_not_ready")
        assert model_of(await client.post("/predict", content=JPEG)) == "yolo"
        assert (await client.get("/health/ready")).status_code == 200
        fake.workers = {"1.0": ["UNLOADING"]}
        await until(lambda: not app.state.services.readiness.state.ready)
        assert_error(await client.post("/predict", content=JPEG), 503, "model_not_ready")
        assert model_of(await client.post("/predict", files={"file": JPEG}, data={"model": "plates"})) == "plates"
        assert await metric(client, "gateway_model_ready") == 0


async def test_a_model_whose_worker_starts_has_the_time_of_grace_from_its_first_request_on(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.others["helmets"] = {"1.0": ["UNLOADING"]}
    async with running_app(settings(ready_grace_s=0.5)) as (_, client):
        await asyncio.sleep(1)
        assert model_of(await client.post("/predict?model=helmets", content=JPEG)) == "helmets"
        await asyncio.sleep(1.1)
        assert_error(await client.post("/predict?model=helmets", content=JPEG), 503, "model_not_ready")


async def test_a_model_that_nobody_asks_for_is_never_described(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": ["READY"]}
    described: list[str] = []
    original = fake._described

    def noting(name: str, suffix: list[str], asked: Asked) -> Answer:
        described.append(name)
        return original(name, suffix, asked)

    fake._described = noting  # type: ignore[method-assign]
    seen = fake.listed
    await until(lambda: fake.listed > seen + 1)
    assert set(described) == {"yolo"}
    for _ in range(3):
        await client.post("/predict?model=helmets", content=JPEG)
    assert described.count("helmets") == 1, "readiness is asked once a second at most"


async def test_one_bound_holds_for_all_models(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer(street(asked).body, delay_s=1)
    async with running_app(settings(max_in_flight=1, max_waiting=0)) as (_, client):
        asking = asyncio.create_task(client.post("/predict?model=helmets", content=JPEG))
        await until(lambda: fake.predictions)
        assert_error(await client.post("/predict?model=plates", content=JPEG), 503, "overloaded")
        assert model_of(await asking) == "helmets"
