"""requests, aiohttp, httpx and Triton's asyncio client, used as their documentation says, against a gateway process."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from typing import Any, BinaryIO

import aiohttp
import httpx
import numpy as np
import pytest
import requests
import tritonclient.http.aio as triton
from tritonclient.utils import InferenceServerException

from tests.gateway.clients.expected import DATA_URL, DETECTIONS, PHOTO, QUERY, TEXT, assert_detected, assert_refused
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.support.caddy import Edge

pytestmark = pytest.mark.anyio

#: From the open file of the picture to the keywords of the client's ``post``.
Sent = Callable[[BinaryIO], dict[str, Any]]
#: Each way of sending with the query that the model server must get.
Ways = dict[str, tuple[Sent, dict[str, str]]]
#: Each mistake with status, code and a part of the message.
Mistakes = dict[str, tuple[Sent, tuple[int, str, str]]]

JPEG = {"Content-Type": "image/jpeg"}
GZIP = {"Content-Encoding": "gzip"}
GIVEN = {"conf": 0.5, "classes": [0, 5]}
DOCUMENT = {"image": TEXT, **GIVEN}
FORM_TEXT = (415, "unsupported_media_type", "application/x-www-form-urlencoded")


def in_pieces() -> Iterator[bytes]:
    for start in range(0, len(PHOTO), 40_000):
        yield PHOTO[start : start + 40_000]


async def in_pieces_async() -> AsyncIterator[bytes]:
    for piece in in_pieces():
        yield piece


def gzipped_json() -> dict[str, Any]:
    return {
        "data": gzip.compress(json.dumps(DOCUMENT).encode()),
        "headers": {**GZIP, "Content-Type": "application/json"},
    }


REQUESTS: Ways = {
    "form, bytes": (lambda file: {"files": {"file": PHOTO}}, {}),
    "form, open file": (lambda file: {"files": {"file": file}}, {}),
    "form, name and type": (lambda file: {"files": {"file": ("a.jpg", PHOTO, "image/jpeg")}}, {}),
    "form, type without a name": (lambda file: {"files": {"file": (None, PHOTO, "image/jpeg")}}, {}),
    "form, brackets": (lambda file: {"files": {"file[]": file}, "data": {"classes[]": [0, 5], "conf": 0.5}}, QUERY),
    "form, fields": (lambda file: {"files": {"file": file}, "data": GIVEN}, QUERY),
    "form, query": (lambda file: {"files": {"file": file}, "params": GIVEN}, QUERY),
    "body, bytes": (lambda file: {"data": PHOTO}, {}),
    "body, open file": (lambda file: {"data": file, "headers": JPEG}, {}),
    "body, chunks": (lambda file: {"data": in_pieces(), "headers": JPEG}, {}),
    "body, query": (lambda file: {"data": PHOTO, "params": {"classes[]": [0, 5], "conf": 0.5}}, QUERY),
    "body, gzip": (lambda file: {"data": gzip.compress(PHOTO), "headers": {**GZIP, **JPEG}}, {}),
    "body, Expect": (lambda file: {"data": PHOTO, "headers": {"Expect": "100-continue"}}, {}),
    "JSON, base64": (lambda file: {"json": DOCUMENT}, QUERY),
    "JSON, data: URL": (lambda file: {"json": {**DOCUMENT, "image": DATA_URL}}, QUERY),
    "JSON, gzip": (lambda file: gzipped_json(), QUERY),
}
REQUESTS_REFUSED: Mistakes = {
    "form, neither name nor type": (
        lambda file: {"files": {"file": (None, PHOTO)}},
        (400, "invalid_form", "no file name"),
    ),
    "form, another field": (lambda file: {"files": {"picture": PHOTO}}, (422, "missing_file", "'picture'")),
    "fields without files": (lambda file: {"data": {"image": TEXT}}, FORM_TEXT),
}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.mark.parametrize("way", REQUESTS)
def test_requests(session: requests.Session, url: str, photo_file: BinaryIO, fake: FakeTorchServe, way: str) -> None:
    sent, query = REQUESTS[way]
    response = session.post(f"{url}/predict", timeout=20, **sent(photo_file))
    assert_detected(response.status_code, response.json(), fake.predictions, query)


@pytest.mark.parametrize("way", REQUESTS_REFUSED)
def test_requests_is_told_what_it_sent(session: requests.Session, url: str, photo_file: BinaryIO, way: str) -> None:
    sent, expected = REQUESTS_REFUSED[way]
    response = session.post(f"{url}/predict", timeout=20, **sent(photo_file))
    assert_refused(response.status_code, response.json(), expected)


@pytest.mark.parametrize("field", ["files", "file", "files[]", "files[0]"])
def test_requests_sends_several_files(session: requests.Session, url: str, fake: FakeTorchServe, field: str) -> None:
    files = [(field, ("a.jpg", PHOTO, "image/jpeg")), (field.replace("0", "1"), ("b.jpg", PHOTO, "image/jpeg"))]
    body = session.post(f"{url}/predict/batch", files=files, data=GIVEN, timeout=20).json()
    assert [(entry["file"], entry["detections"]) for entry in body["results"]] == [
        ("a.jpg", DETECTIONS),
        ("b.jpg", DETECTIONS),
    ]
    assert [(asked.body == PHOTO, asked.query) for asked in fake.predictions] == [(True, QUERY)] * 2


@pytest.mark.parametrize("field", ["image", "image[]"])
def test_requests_as_frigates_plugin_calls_it(
    session: requests.Session, url: str, fake: FakeTorchServe, field: str
) -> None:
    answer = session.post(f"{url}/v1/vision/detection", data={"api_key": ""}, files={field: PHOTO}, timeout=20).json()
    assert [found["label"] for found in answer["predictions"]] == ["person", "bus"]
    assert [(asked.body == PHOTO, asked.query) for asked in fake.predictions] == [(True, {"conf": "0.4"})]


def test_requests_keeps_its_connection_also_after_an_error(session: requests.Session, url: str) -> None:
    statuses = [
        session.post(f"{url}/predict", data=body, timeout=20).status_code for body in (PHOTO, b"not an image", PHOTO)
    ]
    assert statuses == [200, 415, 200]
    pools = session.get_adapter(url).poolmanager.pools
    (pool,) = (pools[key] for key in pools.keys())  # noqa: SIM118 - it cannot be iterated over
    assert (pool.num_requests, pool.num_connections) == (3, 1)


def form_of(value: Any, **named: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", value, **named)
    for name, text in (("conf", "0.5"), ("classes", "0"), ("classes", "5")):
        form.add_field(name, text)
    return form


AIOHTTP: Ways = {
    "form, bytes": (lambda file: {"data": {"file": PHOTO}}, {}),
    "form, open file": (lambda file: {"data": {"file": file}}, {}),
    "form, open file and fields": (lambda file: {"data": form_of(file)}, QUERY),
    "form, name and type": (lambda file: {"data": form_of(PHOTO, filename="a.jpg", content_type="image/jpeg")}, QUERY),
    "form, BytesIO": (lambda file: {"data": form_of(BytesIO(PHOTO))}, QUERY),
    "form, gzip": (lambda file: {"data": form_of(file), "compress": "gzip"}, QUERY),
    "body, bytes": (lambda file: {"data": PHOTO}, {}),
    "body, open file": (lambda file: {"data": file}, {}),
    "body, chunks": (lambda file: {"data": in_pieces_async()}, {}),
    "body, deflate": (lambda file: {"data": PHOTO, "compress": True}, {}),
    "body, Expect": (lambda file: {"data": PHOTO, "expect100": True}, {}),
    "body, pairs as query": (
        lambda file: {"data": PHOTO, "params": [("conf", "0.5"), ("classes", "0"), ("classes", "5")]},
        QUERY,
    ),
    "body, list as query": (lambda file: {"data": PHOTO, "params": GIVEN}, QUERY),
    "JSON, base64": (lambda file: {"json": DOCUMENT}, QUERY),
    "JSON, data: URL": (lambda file: {"json": {**DOCUMENT, "image": DATA_URL}}, QUERY),
}
AIOHTTP_REFUSED: Mistakes = {
    "fields without files": (lambda file: {"data": {"image": TEXT}}, FORM_TEXT),
    "text": (lambda file: {"data": TEXT}, (415, "unsupported_media_type", "text/plain")),
}


async def post(url: str, **sent: Any) -> tuple[int, dict[str, Any]]:
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, **sent) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("way", AIOHTTP)
@pytest.mark.filterwarnings("ignore:In v4:DeprecationWarning")  # bytes without a name, which many programs send
async def test_aiohttp(url: str, photo_file: BinaryIO, fake: FakeTorchServe, way: str) -> None:
    sent, query = AIOHTTP[way]
    status, body = await post(f"{url}/predict", **sent(photo_file))
    assert_detected(status, body, fake.predictions, query)


@pytest.mark.parametrize("way", AIOHTTP_REFUSED)
async def test_aiohttp_is_told_what_it_sent(url: str, photo_file: BinaryIO, way: str) -> None:
    sent, expected = AIOHTTP_REFUSED[way]
    assert_refused(*await post(f"{url}/predict", **sent(photo_file)), expected)


async def test_aiohttp_keeps_its_connection_also_after_an_error(url: str) -> None:
    opened: list[object] = []

    async def count(*event: object) -> None:
        opened.append(event)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(count)
    statuses = []
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        for body in (PHOTO, b"not an image", PHOTO):
            async with session.post(f"{url}/predict", data=body) as response:
                await response.read()
                statuses.append(response.status)
    assert (statuses, len(opened)) == ([200, 415, 200], 1)


HTTPX: Ways = {
    "form, bytes": (lambda file: {"files": {"file": PHOTO}}, {}),
    "form, open file and fields": (lambda file: {"files": {"file": file}, "data": GIVEN}, QUERY),
    "form, type without a name": (lambda file: {"files": {"file": (None, PHOTO, "image/jpeg")}}, {}),
    "body, bytes": (lambda file: {"content": PHOTO, "params": GIVEN}, QUERY),
    "body, open file": (lambda file: {"content": file}, {}),
    "body, chunks": (lambda file: {"content": in_pieces()}, {}),
    "JSON, base64": (lambda file: {"json": DOCUMENT}, QUERY),
}


@pytest.mark.parametrize("way", HTTPX)
def test_httpx(url: str, photo_file: BinaryIO, fake: FakeTorchServe, way: str) -> None:
    sent, query = HTTPX[way]
    response = httpx.post(f"{url}/predict", timeout=20, trust_env=False, **sent(photo_file))
    assert_detected(response.status_code, response.json(), fake.predictions, query)


@pytest.fixture(scope="module")
def http2(edge: Edge) -> Iterator[httpx.Client]:
    with edge.client() as client:
        yield client


@pytest.mark.parametrize("way", HTTPX)
def test_httpx_over_http2(
    edge: Edge, http2: httpx.Client, photo_file: BinaryIO, fake: FakeTorchServe, way: str
) -> None:
    sent, query = HTTPX[way]
    response = edge.ask(http2, "POST", "/predict", **sent(photo_file))
    assert response.http_version == "HTTP/2"
    assert_detected(response.status_code, response.json(), fake.predictions, query)


async def test_httpx_sends_several_pictures_at_once_on_one_http2_connection(edge: Edge, fake: FakeTorchServe) -> None:
    # Not with threads on one client: httpcore may then open the streams in another order than their numbers have.
    async with edge.async_client() as client:
        asked = [
            edge.ask(client, "POST", "/predict", content=PHOTO, params={"conf": number / 10}) for number in range(1, 7)
        ]
        responses = await asyncio.gather(*asked)
    assert [response.status_code for response in responses] == [200] * 6
    assert sorted(sent.query["conf"] for sent in fake.predictions) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]
    assert len({response.extensions["stream_id"] for response in responses}) == 6  # streams of one connection


async def test_tritons_asyncio_client(url: str, fake: FakeTorchServe) -> None:
    async with triton.InferenceServerClient(url.removeprefix("http://"), conn_timeout=20) as client:
        assert await client.is_server_ready()
        assert await client.is_model_ready("yolo")
        tensor = triton.InferInput("image", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([PHOTO], dtype=np.object_))
        for coding in (None, "gzip", "deflate"):
            result = await client.infer(
                "yolo", [tensor], parameters={"conf": 0.5}, request_compression_algorithm=coding
            )
            assert [label.decode() for label in result.as_numpy("labels")] == ["person", "bus"]
        tensor.set_data_from_numpy(np.array([b"not an image"], dtype=np.object_))
        with pytest.raises(InferenceServerException, match="Not an image") as caught:
            await client.infer("yolo", [tensor])
    assert caught.value.status() == "415"
    assert [(asked.body == PHOTO, asked.query) for asked in fake.predictions] == [(True, {"conf": "0.5"})] * 3
