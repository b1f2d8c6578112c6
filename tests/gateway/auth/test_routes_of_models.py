"""At every address that takes a model: a key that is limited to models gets those, however they are named."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from gateway.api.ask import make_ask
from gateway.detection.parameters import Parameters
from gateway.errors import InsufficientScope
from gateway.http.caller import MODELS
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.auth import add_key, attempts, bearer
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.gateway.support.scraping import by_labels
from tests.support import ROOT

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
TEXT = base64.b64encode(JPEG).decode()
#: Options whose value is the name of a model.
OPTIONS = ("model", "then")
#: Answers for every caller, and names no model in its request.
LISTS = ("/v1/vision/custom/list", "/v2/repository/index")
LOADED = {"1.0": ["READY"]}


class Keys(NamedTuple):
    """Credentials of callers."""

    #: May use every model.
    free: dict[str, str]
    #: May use ``helmets`` only.
    door: dict[str, str]
    #: May use ``helmets`` and the default model.
    gate: dict[str, str]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    path = tmp_path / "keys.jsonl"
    return Keys(
        bearer(add_key(path, "free", ("predict", "admin"))),
        bearer(add_key(path, "door", models=("helmets",))),
        bearer(add_key(path, "gate", models=("helmets", "yolo"))),
    )


@pytest.fixture
async def running(
    settings: SettingsMaker, fake: FakeTorchServe, keys: Keys, tmp_path: Path
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    fake.others = {"helmets": LOADED, "plates": LOADED}
    async with running_app(settings(api_keys_file=str(tmp_path / "keys.jsonl"))) as (app, client):
        await app.state.services.models.refresh()
        yield app, client


@pytest.fixture
def client(running: tuple[FastAPI, httpx.AsyncClient]) -> httpx.AsyncClient:
    return running[1]


class Way(NamedTuple):
    """One way to name a model in a request to one route."""

    method: str
    path: str
    #: ``address``, or an option's name with where it stands: ``query``, ``form`` or ``json``.
    place: str
    option: str = ""

    def request(self, client: httpx.AsyncClient, model: str) -> httpx.Request:
        """Build a request that is good but for the right to use the model."""
        path = self.path.replace("{name}", model).replace("{version}", "1.0")
        option = {self.option: model} if self.option else {}
        match self.place, self.path:
            case "form", "/predict":
                body: dict[str, Any] = {"files": {"file": ("a.jpg", JPEG, "image/jpeg")}, "data": option}
            case "form", "/predict/batch":
                body = {"files": [("files", ("a.jpg", JPEG, "image/jpeg"))], "data": option}
            case "json", "/predict":
                body = {"json": {"image": TEXT, **option}}
            case "json", "/predict/batch":
                body = {"json": {"images": [TEXT], **option}}
            case "query", "/predict":
                body = {"content": JPEG, "params": option}
            case "query", "/predict/batch":
                body = {"files": [("files", ("a.jpg", JPEG, "image/jpeg"))], "params": option}
            case "address", path_ if path_.startswith("/v1/vision/"):
                body = {"files": {"image": ("a.jpg", JPEG, "image/jpeg")}}
            case "address", path_ if path_.endswith("/infer"):
                body = {"content": JPEG, "headers": {"Inference-Header-Content-Length": "0"}}
            case "address", _ if self.method == "get":
                body = {}
            case unknown:
                raise AssertionError(f"add a request that names a model in this way: {unknown}")
        return client.build_request(self.method, path, **body)


def ways(document: dict[str, Any]) -> Iterator[Way]:
    """Yield every way to name a model that OpenAPI documents."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "{name}" in path and not path.startswith("/static/"):
                yield Way(method, path, "address")
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query" and parameter["name"] in OPTIONS:
                    yield Way(method, path, "query", parameter["name"])
            content = operation.get("requestBody", {}).get("content", {})
            for media_type, place in (("multipart/form-data", "form"), ("application/json", "json")):
                for name in _properties(content.get(media_type, {}).get("schema", {}), document) & set(OPTIONS):
                    yield Way(method, path, place, name)


def _properties(schema: dict[str, Any], document: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return _properties(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    parts = [part for word in ("allOf", "anyOf", "oneOf") for part in schema.get(word, ())]
    return set(schema.get("properties", ())).union(*(_properties(part, document) for part in parts))


async def test_no_route_gives_a_model_that_the_key_may_not_use(
    running: tuple[FastAPI, httpx.AsyncClient], keys: Keys, fake: FakeTorchServe
) -> None:
    app, client = running
    found = list(ways(app.openapi()))
    assert {(way.path, way.place) for way in found if way.option == "model"} == {
        (path, place) for path in ("/predict", "/predict/batch") for place in ("query", "form", "json")
    }
    assert {"/v2/models/{name}/infer", "/v1/vision/custom/{name}", "/models/{name}"} <= {way.path for way in found}
    for way in found:
        for model in ("plates", "yolo", "no-such-model"):
            request = way.request(client, model)
            request.headers.update(keys.gate if way.option == "then" else keys.door)
            if way.option == "then" and model == "yolo":
                continue
            response = await client.send(request)
            assert response.status_code == 403, (way, model, response.text)
            assert "insufficient_scope" in response.text, (way, model)
            assert f"'{model}'" in response.text, (way, model)
            assert "'helmets'" in response.text, (way, model)
            expected = f'error="insufficient_scope", scope="predict model:{model}"'
            assert response.headers["www-authenticate"].endswith(expected), (way, model)
    assert fake.predictions == []
    for way in found:  # nothing else was wrong with these requests
        for model, key in (("plates", keys.free), ("helmets", keys.gate)):
            request = way.request(client, model)
            request.headers.update(key)
            response = await client.send(request)
            assert response.status_code == 200, (way, model, response.text)


async def test_a_request_that_names_no_model_asks_the_default_one(
    running: tuple[FastAPI, httpx.AsyncClient], keys: Keys, fake: FakeTorchServe
) -> None:
    app, client = running
    paths = [path for path, methods in app.openapi()["paths"].items() if "post" in methods and path not in LISTS]
    unnamed = [path for path in paths if "{name}" not in path]
    assert {"/predict", "/predict/batch", "/v1/vision/detection"} <= set(unnamed)
    for path in unnamed:
        way = Way("post", path, "address" if path.startswith("/v1/") else "form")
        statuses = {}
        for key in keys._fields:
            request = way.request(client, "")
            request.headers.update(getattr(keys, key))
            statuses[key] = (await client.send(request)).status_code
        assert statuses == {"free": 200, "door": 403, "gate": 200}, path
    assert len(fake.predictions) == 2 * len(unnamed)


async def test_the_refusal_tells_a_limited_key_nothing_about_models_of_others(
    client: httpx.AsyncClient, keys: Keys, fake: FakeTorchServe
) -> None:
    fake.others = {"plates": LOADED}
    for path in ("/predict?model=plates", "/predict?model=plate"):  # one exists, one does not
        message = assert_error(await client.post(path, content=JPEG, headers=keys.door), 403, "insufficient_scope")
        assert "yolo" not in message


async def test_a_missing_model_is_404_with_the_names_that_the_key_may_use(
    running: tuple[FastAPI, httpx.AsyncClient], keys: Keys, fake: FakeTorchServe
) -> None:
    app, client = running
    fake.others = {"plates": LOADED}
    await app.state.services.models.refresh()
    for key, served in ((keys.gate, "the served one is 'yolo'"), (keys.door, "There is no model 'helmets'")):
        response = await client.post("/predict?model=helmets", content=JPEG, headers=key)
        message = assert_error(response, 404, "model_not_found", served)
        assert "plates" not in message
    assert "plates" in (await client.post("/predict?model=helmets", content=JPEG, headers=keys.free)).text


async def test_lists_show_what_the_key_may_use(client: httpx.AsyncClient, keys: Keys) -> None:
    async def names(key: dict[str, str]) -> list[list[str]]:
        own, v2, deepstack = [
            (await client.get(path, headers=key)).json()["models"]
            for path in ("/models", "/v2/models", "/v1/vision/custom/list")
        ]
        return [[one["name"] for one in own], v2, deepstack]

    assert await names(keys.free) == [["yolo", "helmets", "plates"]] * 3
    assert await names(keys.gate) == [["yolo", "helmets"]] * 3
    assert await names(keys.door) == [["helmets"]] * 3
    for key, listed in ((keys.free, ["yolo", "helmets", "plates"]), (keys.door, ["helmets"])):
        index = (await client.post("/v2/repository/index", headers=key)).json()
        assert [entry["name"] for entry in index] == listed


async def test_of_several_models_the_key_may_use_each_or_none_is_asked(
    client: httpx.AsyncClient, keys: Keys, fake: FakeTorchServe
) -> None:
    for path, field in (("/predict", "file"), ("/predict/batch", "files")):
        for way in ({"params": {"model": "helmets,plates"}}, {"data": {"model": "helmets,plates"}}):
            response = await client.post(path, files={field: ("a.jpg", JPEG)}, headers=keys.door, **way)
            assert_error(response, 403, "insufficient_scope", "'plates'")
    assert fake.predictions == []
    response = await client.post("/predict?model=yolo,helmets", content=JPEG, headers=keys.gate)
    assert response.json()["succeeded"] == 2


async def test_a_refusal_is_counted_and_logged_once_with_the_model(
    client: httpx.AsyncClient, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    form = {"file": ("a.jpg", JPEG, "image/jpeg")}
    await client.post("/predict", files=form, data={"model": "plates"}, headers=keys.door)
    counted = await attempts(client, keys.free)
    assert (counted["key", "model"], counted["key", "ok"]) == (1, 2)
    (record,) = [each for each in caplog.records if each.name == "gateway.auth" and each.message == "not let in"]
    assert (record.identity, record.model, record.outcome) == ("door", "plates", "model")  # type: ignore[attr-defined]


async def test_the_last_guard_stands_where_every_detection_is_made(
    running: tuple[FastAPI, httpx.AsyncClient],
) -> None:
    """Should a route forget to ask: no image goes to a model that the caller may not use."""
    scope = {"type": "http", "headers": [], MODELS: frozenset({"helmets"})}
    services = running[0].state.services
    make_ask(Request(scope), services, JPEG, Parameters(), model="helmets")
    for model in ("plates", None):
        with pytest.raises(InsufficientScope):
            make_ask(Request(scope), services, JPEG, Parameters(), model=model)


def test_only_one_module_looks_models_up_for_requests() -> None:
    """The one that asks for the right: `api/model_choice.py`."""
    api = ROOT / "api-gateway/gateway/api"
    found = {
        path.relative_to(api).as_posix()
        for path in api.rglob("*.py")
        if any(use in path.read_text() for use in ("models.find(", "models.names(", "models.known("))
    }
    assert found == {"model_choice.py"}


async def test_rates_of_a_model_hold_at_every_route_that_predicts(
    settings: SettingsMaker, fake: FakeTorchServe, tmp_path: Path
) -> None:
    fake.others = {"helmets": LOADED, "plates": LOADED}
    file = tmp_path / "models.toml"
    file.write_text('[helmets]\nrate_limit = "1/hour"\n[yolo]\nrate_limit = "3/hour"\n', "utf-8")
    keys = tmp_path / "keys.jsonl"
    async with running_app(settings(models_file=str(file), api_keys_file=str(keys), auth="off")) as (app, _):
        document = app.openapi()
    asking = [way for way in ways(document) if way.option or way.path.endswith(("/infer", "custom/{name}"))]
    assert {way.option for way in asking} == {*OPTIONS, ""}
    for way in asking:
        async with running_app(settings(models_file=str(file), auth="off")) as (_, client):
            statuses = []
            for model in ("helmets", "helmets", "plates"):
                response = await client.send(way.request(client, model))
                statuses.append(response.status_code)
                if response.status_code == 429:
                    assert "rate_limited" in response.text, way
                    assert "the model 'helmets'" in response.text, way
                    assert int(response.headers["retry-after"]) > 3000, way
            assert statuses == [200, 429, 200], way
            assert (await client.get("/v2/models/helmets")).status_code == 200  # a description is no prediction
            if way.option != "then":  # which asks the default model too
                statuses = [(await client.post("/predict", content=JPEG)).status_code for _ in range(4)]
                assert statuses == [200, 200, 200, 429], way


async def test_metrics_count_by_models_that_exist(
    running: tuple[FastAPI, httpx.AsyncClient], keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    _, client = running
    caplog.set_level(logging.ERROR)
    for path in ("/predict", "/predict?model=helmets", "/predict?model=helmets", "/predict?model=invented"):
        await client.post(path, content=JPEG, headers=keys.free)
    await client.post("/predict?model=helmets", content=b"text", headers=keys.free)
    await client.post("/predict?model=plates", content=JPEG, headers=keys.door)
    await client.post("/predict?model=helmets", content=JPEG)
    counted = await by_labels(client, "gateway_model_requests_total", "model", "status", headers=keys.free)
    assert counted == {("yolo", "200"): 1, ("helmets", "200"): 2, ("helmets", "415"): 1}
    seconds = await by_labels(client, "gateway_model_request_seconds_count", "model", headers=keys.free)
    assert seconds == {("yolo",): 1, ("helmets",): 3}


async def test_several_models_need_the_right_to_each(client: httpx.AsyncClient, keys: Keys) -> None:
    response = await client.post("/predict?model=helmets,plates", content=JPEG, headers=keys.door)
    assert_error(response, 403, "insufficient_scope", "'plates'")


async def test_each_model_of_a_request_is_counted(
    settings: SettingsMaker, fake: FakeTorchServe, tmp_path: Path
) -> None:
    fake.others = {"helmets": LOADED, "plates": LOADED}
    file = tmp_path / "models.toml"
    file.write_text('[helmets]\nrate_limit = "2/hour"\n[plates]\nrate_limit = "1/hour"\n', "utf-8")
    async with running_app(settings(models_file=str(file))) as (_, client):
        asked = ("helmets,plates", "plates", "helmets,plates", "helmets")
        responses = [await client.post(f"/predict?model={names}", content=JPEG) for names in asked]
        assert [response.status_code for response in responses] == [200, 429, 429, 429]
        assert "'plates'" in responses[2].text
        limited = await by_labels(client, "gateway_model_rate_limited_total", "model")
        assert limited == {("plates",): 2, ("helmets",): 1}
        counted = await by_labels(client, "gateway_model_requests_total", "model", "status")
        assert counted == {
            ("helmets", "200"): 1,
            ("plates", "200"): 1,
            ("helmets", "429"): 2,
            ("plates", "429"): 2,
        }
