"""Blue/green: routing.json names the model server, readiness follows it, and what is in flight is finished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from gateway.cache.detector import CachingDetector
from gateway.cache.metrics import CacheMetrics
from gateway.cache.serving import Serving
from gateway.cache.stores import MemoryStore
from gateway.detection.image_header import ImageHeader
from gateway.detection.parameters import NO_PARAMETERS
from gateway.detection.prediction import Prediction
from gateway.detection.request import Answer as Detected
from gateway.detection.request import Ask
from gateway.model_server.base import Readiness, Served
from gateway.model_server.errors import BackendUnavailable
from gateway.routing.choice import Routing
from gateway.routing.servers import SwitchedBackend, answering_server
from gateway.settings.server_list import Server, parse_servers
from tests.gateway.conftest import SettingsMaker, assert_error, ready_now, running_app, until
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, serving, torchserve_error
from tests.gateway.support.pictures import picture
from tests.gateway.support.routing_files import RoutingJson, Source, agreed, by_version

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
OTHER = picture("JPEG", size=(65, 48))


@pytest.fixture(scope="module")
def _green() -> Iterator[tuple[FakeTorchServe, str]]:
    fake = FakeTorchServe()
    with serving(fake) as url:
        yield fake, url


@pytest.fixture
def green(_green: tuple[FakeTorchServe, str]) -> FakeTorchServe:
    fake, _ = _green
    fake.reset()
    fake.workers = {"2.0": ["READY"]}
    fake.predict = by_version(default="2.0")
    return fake


@pytest.fixture
def routing(tmp_path: Path) -> RoutingJson:
    return RoutingJson(tmp_path)


@pytest.fixture
def servers(_green: tuple[FakeTorchServe, str], green: FakeTorchServe) -> str:
    return f"green={_green[1]}|{_green[1]}/"


@pytest.fixture
async def client(settings: SettingsMaker, routing: RoutingJson, servers: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings(routing_file=str(routing.path), torchserve_servers=servers)) as (_, client):
        yield client


async def version(client: httpx.AsyncClient) -> str:
    response = await client.post("/predict", content=JPEG)
    assert response.status_code == 200
    return response.headers["x-model-version"]


async def test_the_server_that_the_file_names_is_asked_and_the_way_back_works(
    client: httpx.AsyncClient, routing: RoutingJson
) -> None:
    assert await version(client) == "1.0"
    routing.write(server="green", stable="2.0")
    await agreed()
    assert await version(client) == "2.0"
    models = (await client.get("/models")).json()
    assert models["routing"]["server"] == "green"
    assert [entry["version"] for entry in models["models"][0]["versions"]] == ["2.0"]
    routing.write(server=None)
    await agreed()
    assert await version(client) == "1.0"


async def test_readiness_follows_the_switch(
    client: httpx.AsyncClient, fake: FakeTorchServe, green: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.workers = {"1.0": []}
    assert_error(await ready_now(client), 503, "model_not_ready")
    routing.write(server="green")
    await agreed()
    ready = await ready_now(client)
    assert (ready.status_code, ready.json()["model"]["version"]) == (200, "2.0")
    green.workers = {"2.0": []}
    assert_error(await ready_now(client), 503, "model_not_ready")


async def test_a_server_that_is_not_there_is_stood_in_for_by_the_default_one(
    settings: SettingsMaker, routing: RoutingJson
) -> None:
    nobody = "green=http://127.0.0.1:9|http://127.0.0.1:9"
    routing.write(server="green")
    async with running_app(settings(routing_file=str(routing.path), torchserve_servers=nobody)) as (_, client):
        assert await version(client) == "1.0"
        assert (await client.get("/health/ready")).json()["model"]["version"] == "1.0"
        assert (await client.get("/models")).status_code == 200
        assert await version(client) == "1.0"
        assert 'gateway_server_fallbacks_total{server="green"} 2.0' in (await client.get("/metrics")).text


async def test_a_server_that_goes_away_under_a_picture_loses_nothing_and_is_asked_again_when_it_is_ready(
    client: httpx.AsyncClient, green: FakeTorchServe, routing: RoutingJson, caplog: pytest.LogCaptureFixture
) -> None:
    routing.write(server="green")
    await agreed()
    assert await version(client) == "2.0"
    green.workers = {}
    green.predict = lambda asked: Answer({"code": 404, "type": "ModelNotFoundException", "message": "x"}, status=404)
    assert await version(client) == "1.0"
    assert await version(client) == "1.0"
    assert any("default one answers instead" in record.message for record in caplog.records)
    green.workers = {"2.0": ["READY"]}
    green.predict = by_version(default="2.0")
    assert (await ready_now(client)).json()["model"]["version"] == "2.0"
    assert await version(client) == "2.0"


@pytest.fixture
def same_version(fake: FakeTorchServe, green: FakeTorchServe) -> None:
    """Both servers have 1.0; green finds the second box alone."""
    fake.predict = by_version()
    green.workers = {"1.0": ["READY"]}
    green.predict = by_version(boxes={"1.0": STREET["boxes"][1:]})


@pytest.mark.usefixtures("same_version")
async def test_an_answer_in_place_of_a_server_is_not_remembered_as_that_servers(
    settings: SettingsMaker, routing: RoutingJson, green: FakeTorchServe, servers: str
) -> None:
    set_up = settings(routing_file=str(routing.path), torchserve_servers=servers, cache="memory")
    routing.write(server="green")
    by_green = green.predict
    async with running_app(set_up) as (app, client):

        async def ask(image: bytes) -> tuple[str, int]:
            response = await client.post("/predict", content=image)
            assert response.status_code == 200
            return response.headers["x-cache"], len(response.json()["detections"])

        assert [await ask(JPEG), await ask(JPEG)] == [("MISS", 1), ("HIT", 1)]
        green.predict = lambda asked: torchserve_error(404, "ModelNotFoundException", "x")
        assert await ask(OTHER) == ("MISS", 2)
        assert await ask(JPEG) == ("MISS", 2), "nor is green's answer given as blue's"
        green.predict = by_green
        await app.state.services.readiness.ask()
        assert await ask(OTHER) == ("MISS", 1)
        assert await ask(JPEG) == ("HIT", 1)


class Named:
    """A server with version 1.0 whose answers bear its name."""

    def __init__(self, name: str, fails: bool = False) -> None:
        self.name = name
        self.fails = fails

    async def predict(self, *_: object) -> Prediction:
        if self.fails:
            raise BackendUnavailable("gone")
        return Prediction([], None, self.name, "1.0", None)

    async def ready(self) -> Readiness:
        return Readiness(not self.fails)

    async def served(self, version: str | None = None) -> Served:
        return Served("1.0", "9000@12:00")


async def test_a_server_that_is_back_before_the_answer_in_its_place_is_still_not_said_to_have_given_it() -> None:
    green = Named("green")
    source = Source(Routing(1, server="green"))
    switched = SwitchedBackend(Named("blue"), {"green": green}, source)  # type: ignore[arg-type, dict-item]

    class Inner:
        async def detect(self, ask: Ask) -> Detected:
            answer = Detected(await switched.predict(ask.image, ask.parameters, ask.request_id))
            green.fails = False
            await switched.ready()  # says that green is there again
            return answer

    serving = Serving(switched, answering_server(switched, source))
    cache = CachingDetector(Inner(), MemoryStore(10_000, 60), serving, CacheMetrics(CollectorRegistry()), ("x", "yolo"))
    one, two = (Ask(image, ImageHeader("JPEG", 1, 1), NO_PARAMETERS, "x") for image in (b"1", b"2"))
    answers = []
    for ask, fails in ((one, False), (two, True), (two, False), (two, False)):
        green.fails = fails
        answer = await cache.detect(ask)
        answers.append((answer.cache, answer.prediction.model_name))
    assert answers == [("miss", "green"), ("miss", "blue"), ("miss", "green"), ("hit", "green")]


async def test_a_server_whose_queue_is_full_says_so_itself(
    client: httpx.AsyncClient, green: FakeTorchServe, routing: RoutingJson
) -> None:
    routing.write(server="green")
    await agreed()
    full = {"code": 503, "type": "ServiceUnavailableException", "message": "full"}
    green.predict = lambda asked: Answer(full, status=503)
    assert_error(await client.post("/predict", content=JPEG), 503, "overloaded")


async def test_what_is_in_flight_is_finished_by_the_server_that_has_it(
    client: httpx.AsyncClient, fake: FakeTorchServe, routing: RoutingJson
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=0.7)
    asking = asyncio.create_task(version(client))
    await until(lambda: fake.predictions)
    routing.write(server="green")
    await agreed()
    assert await version(client) == "2.0"
    assert not asking.done()
    assert await asking == "1.0"


async def test_a_server_that_nobody_knows_never_comes_into_force(
    client: httpx.AsyncClient, routing: RoutingJson, caplog: pytest.LogCaptureFixture
) -> None:
    routing.write(server="green")
    await agreed()
    assert await version(client) == "2.0"
    routing.write(server="red")
    await agreed()
    assert await version(client) == "2.0"
    shown = (await client.get("/models")).json()["routing"]
    assert (shown["revision"], shown["server"]) == (1, "green")
    assert "'red' is not in TORCHSERVE_SERVERS (known: green)" in shown["problem"]
    assert any("cannot be used" in record.message for record in caplog.records)
    assert "gateway_routing_errors_total 1.0" in (await client.get("/metrics")).text


async def test_a_split_goes_on_on_the_new_server(
    client: httpx.AsyncClient, green: FakeTorchServe, routing: RoutingJson
) -> None:
    green.workers["2.1"] = ["READY"]
    routing.canary(100, version="2.1", stable="2.0", server="green")
    await agreed()
    assert await version(client) == "2.1"


async def test_under_load_a_switch_there_and_back_loses_nothing(
    client: httpx.AsyncClient, routing: RoutingJson
) -> None:
    over = False
    answers: list[str] = []

    async def ask() -> None:
        while not over:
            answers.append(await version(client))

    asking = [asyncio.create_task(ask()) for _ in range(8)]
    for server in ("green", None, "green"):
        routing.write(server=server)
        await asyncio.sleep(0.4)
    over = True
    await asyncio.gather(*asking)
    assert min(answers.count("1.0"), answers.count("2.0")) > 5


@pytest.mark.parametrize(
    "text",
    [
        "blue=http://one:8085|http://one:8086,green=http://two:8085/|http://two:8086/",
        " blue = http://one:8085 | http://one:8086 , green=http://two:8085|http://two:8086, ",
    ],
)
def test_a_list_of_servers_is_read(text: str) -> None:
    assert parse_servers(text) == {
        "blue": Server("http://one:8085", "http://one:8086"),
        "green": Server("http://two:8085", "http://two:8086"),
    }


def test_no_list_is_no_server() -> None:
    assert parse_servers("  ") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://one|http://two", "is not a valid name of a server"),
        ("blue=http://one", "needs two URLs"),
        ("blue=http://one|two", "has an invalid URL"),
        ("blue=http://a|http://b,blue=http://a|http://b", "listed twice"),
        ('{"blue": "http://a|http://b"}', "is not a valid name of a server; use name=inference_url"),
    ],
)
def test_an_invalid_list_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_servers(text)
