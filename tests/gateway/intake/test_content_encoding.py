"""Compressed bodies: decoded on every route within the limits, and refused by name where they cannot be."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import httpx
import pytest

from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
TEXT = base64.b64encode(JPEG).decode()
TENSOR = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [TEXT]}]}


def form(field: str) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="a.jpg"\r\n\r\n'
    return head.encode() + JPEG + b"\r\n--b--\r\n"


BODIES = {
    "/predict": [
        ("image/jpeg", JPEG),
        ("application/json", json.dumps({"image": TEXT}).encode()),
        ("multipart/form-data; boundary=b", form("file")),
    ],
    "/predict/batch": [
        ("application/json", json.dumps({"images": [TEXT]}).encode()),
        ("multipart/form-data; boundary=b", form("files")),
    ],
    "/v1/vision/detection": [("multipart/form-data; boundary=b", form("image"))],
    "/v2/models/yolo/infer": [("application/json", json.dumps(TENSOR).encode())],
}
CASES = [(path, kind, body) for path, bodies in BODIES.items() for kind, body in bodies]


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(("path", "kind", "body"), CASES)
async def test_gzip_and_deflate_are_decoded_on_every_route(
    client: httpx.AsyncClient, fake: FakeTorchServe, path: str, kind: str, body: bytes
) -> None:
    for coding, packed in (
        ("gzip", gzip.compress(body)),
        ("GZIP", gzip.compress(body)),
        ("x-gzip", gzip.compress(body)),
        ("deflate", zlib.compress(body)),
        ("deflate", raw_deflate(body)),
        ("identity", body),
        ("", body),
    ):
        response = await client.post(path, content=packed, headers={"Content-Type": kind, "Content-Encoding": coding})
        assert response.status_code == 200, (coding, response.text)
    assert [asked.body for asked in fake.predictions] == [JPEG] * 7


@pytest.mark.parametrize(("path", "kind", "body"), CASES)
@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "x" * 500])
async def test_other_codings_are_named(
    client: httpx.AsyncClient, path: str, kind: str, body: bytes, coding: str
) -> None:
    response = await client.post(path, content=body, headers={"Content-Type": kind, "Content-Encoding": coding})
    assert response.status_code == (400 if path.startswith("/v1") else 415)
    assert coding[:20] in response.text
    assert "unsupported_media_type" in response.text


async def test_a_body_that_is_not_what_it_says_is_400(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    packed = gzip.compress(JPEG)
    for coding, body in (
        ("gzip", JPEG),
        ("gzip", packed[:-9]),
        ("gzip", packed[:1]),
        ("gzip", b""),
        ("gzip", packed + packed),
        ("gzip", packed + b"more"),
        ("deflate", JPEG),
        ("deflate", zlib.compress(JPEG)[:-1]),
    ):
        response = await client.post("/predict", content=body, headers={"Content-Encoding": coding})
        assert_error(response, 400, "invalid_request", "Content-Encoding")
    assert fake.predictions == []


async def test_a_bomb_is_413_at_the_limit(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    bomb = gzip.compress(bytes(2**22))
    async with running_app(settings(max_body_bytes=2**20, max_batch_bytes=2**21)) as (_, client):
        for path, bodies in BODIES.items():
            for kind, _ in bodies:
                headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
                response = await client.post(path, content=bomb, headers=headers)
                assert response.status_code == 413, (path, kind, response.text)
    assert fake.predictions == []


async def test_decoded_bytes_count_towards_the_memory_of_uploads(settings: SettingsMaker) -> None:
    async with running_app(settings(upload_memory_bytes=2**20)) as (app, client):
        response = await client.post(
            "/predict", content=gzip.compress(JPEG.ljust(2**21, b"\0")), headers={"Content-Encoding": "gzip"}
        )
        assert_error(response, 503, "overloaded")
        assert app.state.services.uploads.held == 0
