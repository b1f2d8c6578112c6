"""A model server that is away, slow, full, broken or talkative: the right status, our own words, at once."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any, get_args

import httpcore
import httpx
import pytest

from gateway.api.errors import REJECTIONS, as_api_error
from gateway.detection.parameters import Parameters
from gateway.errors import InternalError
from gateway.model_server import errors as faults
from gateway.model_server.client import FAULTS, fault_from
from gateway.model_server.registry import create_backend
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
SECRET = "java.lang.NullPointerException at /home/model-server/yolo_handler.py line 7"
BOX: dict[str, Any] = STREET["boxes"][0]


def everything_derived_from(base: type[Any]) -> list[type[Any]]:
    return [base, *(found for child in base.__subclasses__() for found in everything_derived_from(child))]


async def test_a_refused_connection_is_503(settings: SettingsMaker, unused_url: str) -> None:
    async with running_app(settings(torchserve_inference_url=unused_url)) as (_, client):
        response = await client.post("/predict", content=JPEG)
    assert_error(response, 503, "backend_unavailable")
    assert response.headers["retry-after"] == "1"


async def test_an_unknown_host_is_503(settings: SettingsMaker) -> None:
    async with running_app(settings(torchserve_inference_url="http://torchserve.invalid:8085")) as (_, client):
        assert_error(await client.post("/predict", content=JPEG), 503, "backend_unavailable")


async def test_no_answer_within_the_read_timeout_is_504(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=5)
    async with running_app(settings(read_timeout_s=0.1)) as (_, client):
        assert_error(await client.post("/predict", content=JPEG), 504, "backend_timeout")


async def test_no_free_connection_within_the_pool_timeout_is_503_overloaded(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([STREET], delay_s=1)
    async with running_app(settings(max_connections=1, max_in_flight=2, pool_timeout_s=0.1)) as (_, client):
        first, second = await asyncio.gather(
            client.post("/predict", content=JPEG), client.post("/predict", content=JPEG)
        )
    assert sorted((first.status_code, second.status_code)) == [200, 503]
    assert_error(max(first, second, key=lambda response: response.status_code), 503, "overloaded")


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (torchserve_error(400, "InvalidImage", "not decodable"), 400, "invalid_image"),
        (torchserve_error(400, "MissingImage", "no image came"), 400, "invalid_image"),
        (torchserve_error(413, "ImageTooLarge", "70 megapixels"), 413, "image_too_large"),
        (torchserve_error(415, "UnsupportedImage", "a PSD"), 415, "unsupported_image"),
        (torchserve_error(400, "InvalidParameter", "conf: too high"), 422, "invalid_parameter"),
    ],
)
async def test_an_error_of_our_handler_keeps_its_message(
    client: httpx.AsyncClient, fake: FakeTorchServe, answer: Answer, status: int, code: str
) -> None:
    fake.predict = lambda asked: answer
    assert_error(await client.post("/predict", content=JPEG), status, code, answer.body["message"])


@pytest.mark.parametrize("message", [SECRET + "\n\tat org.pytorch", "x" * 501, None, {"nested": SECRET}])
async def test_a_message_of_our_handler_that_is_no_plain_line_is_replaced(
    client: httpx.AsyncClient, fake: FakeTorchServe, message: Any
) -> None:
    fake.predict = lambda asked: Answer({"code": 400, "type": "InvalidImage", "message": message}, 400)
    response = await client.post("/predict", content=JPEG)
    assert_error(response, 400, "invalid_image", "cannot be decoded")


DIED = torchserve_error(500, "InternalServerException", "Worker died.")


def one_after_another(*answers: Answer) -> Any:
    remaining = iter(answers)
    return lambda asked: next(remaining)


@pytest.mark.parametrize("status", [500, 507], ids=["it crashed", "it was killed"])
async def test_a_request_whose_worker_dies_is_answered_by_another_one(
    client: httpx.AsyncClient, fake: FakeTorchServe, status: int
) -> None:
    died = torchserve_error(status, "InternalServerException", "Worker died.")
    fake.predict = one_after_another(died, Answer([STREET]))
    response = await client.post("/predict?conf=0.4", content=JPEG)
    assert response.status_code == 200
    first, second = fake.predictions
    assert (first.path, first.query, first.body) == (second.path, second.query, second.body)


async def test_a_request_of_which_two_workers_die_is_given_up(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = one_after_another(DIED, DIED, Answer([STREET]))
    assert_error(await client.post("/predict", content=JPEG), 502, "backend_error")
    assert len(fake.predictions) == 2


async def test_the_second_worker_has_only_the_time_that_is_left(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    late = torchserve_error(500, "InternalServerException", "Worker died.", delay_s=0.6)
    fake.predict = one_after_another(late, Answer([STREET], delay_s=30))
    async with running_app(settings(read_timeout_s=1)) as (_, client):
        started = time.monotonic()
        assert_error(await client.post("/predict", content=JPEG), 504, "backend_timeout")
    assert time.monotonic() - started < 10
    assert len(fake.predictions) == 2


@pytest.mark.parametrize("other", [("InternalServerException", "Prediction failed"), ("Some", "thing")])
async def test_other_failures_are_not_repeated(
    client: httpx.AsyncClient, fake: FakeTorchServe, other: tuple[str, str]
) -> None:
    fake.predict = lambda asked: torchserve_error(500, *other)
    assert_error(await client.post("/predict", content=JPEG), 502, "backend_error")
    assert len(fake.predictions) == 1


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (torchserve_error(400, "BadRequestException", SECRET), 502, "backend_error"),
        (torchserve_error(401, "InvalidKeyException", SECRET), 502, "backend_error"),
        (torchserve_error(404, "ModelNotFoundException", SECRET), 503, "model_not_ready"),
        (torchserve_error(404, "ModelVersionNotFoundException", SECRET), 503, "model_not_ready"),
        (torchserve_error(405, "MethodNotAllowedException", SECRET), 502, "backend_error"),
        (Answer(b"", 413), 413, "body_too_large"),
        (torchserve_error(500, "InternalServerException", f"Worker died. {SECRET}"), 502, "backend_error"),
        (torchserve_error(503, "ServiceUnavailableException", SECRET), 503, "overloaded"),
        (torchserve_error(503, "InternalServerException", f"Prediction failed {SECRET}"), 502, "backend_error"),
        (torchserve_error(507, "InternalServerException", SECRET), 502, "backend_error"),
        (Answer(b"<html>" + SECRET.encode(), 503), 503, "overloaded"),
        (Answer(b"<html>" + SECRET.encode(), 507), 503, "overloaded"),
        (Answer(b"<html>" + SECRET.encode(), 500), 502, "backend_error"),
        (Answer([SECRET], 400), 502, "backend_error"),
        (Answer(SECRET, 302), 502, "backend_error"),
        (Answer(SECRET, 418), 502, "backend_error"),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Answer) else str(value),
)
async def test_every_other_status_gets_our_own_words(
    settings: SettingsMaker, fake: FakeTorchServe, answer: Answer, status: int, code: str
) -> None:
    fake.predict = lambda asked: answer
    async with running_app(settings()) as (app, client):
        await app.state.services.readiness.ask()
        response = await client.post("/predict", content=JPEG)
    assert_error(response, status, code)
    assert "yolo_handler.py" not in response.text
    assert "java" not in response.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[{",
        b"\xff\xfe",
        [],
        {},
        "text",
        [STREET, STREET],
        [{}],
        [{"boxes": None}],
        [{"boxes": [{}]}],
        [{"boxes": [{**BOX, "xyxy": [1, 2, 3]}]}],
        [{"boxes": [{**BOX, "xyxy": [1, 2, 3, "four"]}]}],
        [{"boxes": [{**BOX, "conf": None}]}],
        [{"boxes": [{**BOX, "name": 7}]}],
        [{"boxes": [], "image": {"width": 1}}],
        [{"boxes": [], "timings_ms": {"decode": "fast"}}],
        b'[{"boxes": [{"xyxy": [NaN, 0, 1, 1], "conf": 0.5, "cls": 0, "name": "a"}]}]',
    ],
    ids=repr,
)
async def test_an_answer_that_is_no_prediction_is_502(
    client: httpx.AsyncClient, fake: FakeTorchServe, body: Any
) -> None:
    fake.predict = lambda asked: Answer(body)
    assert_error(await client.post("/predict", content=JPEG), 502, "backend_error")


async def test_overload_is_told_from_a_missing_worker_by_the_readiness(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    fake.workers = {"1.0": []}
    fake.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "no worker")
    async with running_app(settings()) as (app, client):
        await app.state.services.readiness.ask()
        assert_error(await client.post("/predict", content=JPEG), 503, "model_not_ready", "none of its 0 workers")


def test_no_error_of_httpcore_is_left_without_a_fault_of_its_own() -> None:
    exceptions = [found for _, found in inspect.getmembers(httpcore, inspect.isclass) if issubclass(found, Exception)]
    assert httpcore.ReadTimeout in exceptions
    for kind in exceptions:
        assert issubclass(kind, tuple(FAULTS)), f"{kind.__name__} is not mapped"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (httpcore.ConnectError("x"), faults.BackendUnavailable),
        (httpcore.ConnectTimeout("x"), faults.BackendUnavailable),
        (httpcore.PoolTimeout("x"), faults.BackendOverloaded),
        (httpcore.ReadTimeout("x"), faults.BackendTimeout),
        (httpcore.WriteTimeout("x"), faults.BackendTimeout),
        (httpcore.ReadError("x"), faults.BackendUnavailable),
        (httpcore.WriteError("x"), faults.BackendUnavailable),
        (httpcore.RemoteProtocolError("x"), faults.BackendUnavailable),
        (httpcore.LocalProtocolError("x"), faults.BackendError),
        (httpcore.UnsupportedProtocol("x"), faults.BackendError),
    ],
)
def test_errors_of_httpcore_become_the_most_specific_fault(error: Exception, fault: type[faults.BackendFault]) -> None:
    assert type(fault_from(error)) is fault


def test_every_fault_has_an_answer_of_its_own() -> None:
    for kind in everything_derived_from(faults.BackendFault):
        fault = kind("invalid_image", "why") if kind is faults.BackendRejected else kind("why")
        assert not isinstance(as_api_error(fault), InternalError)


def test_every_rejection_has_an_answer() -> None:
    assert set(REJECTIONS) == set(get_args(faults.Rejection))


async def test_a_named_version_is_asked_under_its_own_address(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.workers["1.1"] = ["READY"]
    backend = create_backend(settings())
    try:
        await backend.predict(JPEG, Parameters(conf=0.4), "id", "1.1")
        with pytest.raises(faults.BackendNoSuchVersion):
            await backend.predict(JPEG, Parameters(), "id", "9.9")
    finally:
        await backend.aclose()
    assert fake.predictions[0].path == "/yolo/1.1/predict"
    assert fake.predictions[0].query == {"conf": "0.4"}


def test_a_version_that_is_not_loaded_is_a_404_of_its_own() -> None:
    assert as_api_error(faults.BackendNoSuchVersion("9.9")).code == "version_not_found"
