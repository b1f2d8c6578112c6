"""A request that was answered leaves nothing behind: its body is free at once, not at the next garbage collection."""

from __future__ import annotations

import base64
import gc
import tracemalloc
from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.conftest import until
from tests.gateway.support.fake_torchserve import FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

SIZE = 1_000_000
JUNK = b"\xff" * SIZE
GOOD = picture("JPEG").ljust(SIZE, b"\xff")


def form(field: str, data: bytes) -> tuple[dict[str, str], bytes]:
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="a.jpg"\r\n\r\n'
    return {"Content-Type": "multipart/form-data; boundary=b"}, head.encode() + data + b"\r\n--b--\r\n"


def document(text: bytes, wrap: bytes) -> tuple[dict[str, str], bytes]:
    return {"Content-Type": "application/json"}, wrap.replace(b"?", b'"' + text + b'"')


TENSOR = b'{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [?]}]}'
TENSORS = TENSOR.replace(b"[1]", b"[2]").replace(b"?", b"?, ?")
IMAGES = {"damaged": JUNK, "refused by the model server": GOOD}
BODIES = {
    **{
        f"{path} {name} {kind}": (path, *body)
        for name, data in IMAGES.items()
        for path, kind, body in [
            ("/predict", "image", ({"Content-Type": "image/jpeg"}, data)),
            ("/predict", "form", form("file", data)),
            ("/predict", "JSON", document(base64.b64encode(data), b'{"image": ?}')),
            ("/predict?format=png", "form", form("file", data)),
            ("/predict/batch", "form", form("files", data)),
            ("/predict/batch", "JSON", document(base64.b64encode(data), b'{"images": [?, ?]}')),
            ("/predict/batch?format=ndjson", "form", form("files", data)),
            ("/v1/vision/detection", "form", form("image", data)),
            ("/v2/models/yolo/infer", "JSON", document(base64.b64encode(data), TENSOR)),
            ("/v2/models/yolo/infer", "JSON of two", document(base64.b64encode(data), TENSORS)),
            ("/v2/models/yolo/infer", "image", ({"Inference-Header-Content-Length": "0"}, data)),
        ]
    },
    "/predict a bad parameter": ("/predict?conf=2", *form("file", GOOD)),
    "/predict another field": ("/predict", *form("other", GOOD)),
    "/predict bad base64": ("/predict", *document(b"A" * SIZE + b"!", b'{"image": ?}')),
    "/predict/batch bad base64": ("/predict/batch", *document(b"A" * SIZE + b"!", b'{"images": [?]}')),
    "/v2 bad base64": ("/v2/models/yolo/infer", *document(b"A" * SIZE + b"!", TENSOR)),
    "/predict a form that is cut": ("/predict", {"Content-Type": "multipart/form-data; boundary=b"}, b"--b" + JUNK),
    "/predict bad JSON": ("/predict", *document(b"A" * SIZE, b'{"image": ?,}')),
}


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_is_free_once_it_is_answered(
    client: httpx.AsyncClient, fake: FakeTorchServe, without_collector: None, name: str
) -> None:
    fake.predict = lambda asked: torchserve_error(400, "InvalidImage", "it is damaged")
    path, headers, content = BODIES[name]

    async def send() -> None:
        response = await client.post(path, headers=headers, content=content)
        assert response.status_code in (200, 400, 413, 415, 422), response.text
        fake.predictions.clear()

    await send()
    first = tracemalloc.get_traced_memory()[0]
    for _ in range(2):
        await send()
    # The thread that decoded a body gives it up a moment after the answer.
    await until(lambda: tracemalloc.get_traced_memory()[0] - first < SIZE / 2)
