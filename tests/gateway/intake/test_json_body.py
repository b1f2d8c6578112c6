"""Images in JSON: base64 text or a data: URL, with the parameters beside it."""

from __future__ import annotations

import base64
import json
import tracemalloc
from typing import Any

import httpx
import pytest

from gateway.errors import BodyTooLarge, InvalidBase64, InvalidJson
from gateway.intake.base64_text import decode_base64
from gateway.intake.json_body import read_many, read_one
from gateway.intake.sources import ImageUrl
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.support import huge_png

JPEG = picture("JPEG")
TEXT = base64.b64encode(JPEG).decode()


@pytest.mark.anyio
@pytest.mark.parametrize("text", [TEXT, f"data:image/jpeg;base64,{TEXT}", f"DATA:;name=a.jpg;BASE64,{TEXT}"])
async def test_a_picture_in_json_is_answered_as_if_it_had_been_uploaded(
    client: httpx.AsyncClient, fake: FakeTorchServe, text: str
) -> None:
    response = await client.post("/predict", json={"image": text})
    assert response.status_code == 200
    assert len(response.json()["detections"]) == 2
    assert fake.predictions[0].body == JPEG


@pytest.mark.anyio
async def test_parameters_are_keys_in_the_types_of_json(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    given = {"conf": 0.5, "iou": "0.6", "max_det": 7, "agnostic_nms": True, "classes": ["person", 5], "imgsz": None}
    response = await client.post("/predict", json={"image": TEXT, **given})
    assert response.status_code == 200
    sent = {"conf": "0.5", "iou": "0.6", "max_det": "7", "agnostic_nms": "true", "classes": "person,5"}
    assert fake.predictions[0].query == sent


@pytest.mark.anyio
async def test_the_format_can_stand_in_json_too(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", json={"image": TEXT, "format": "png", "max_side": 32})
    assert response.headers["content-type"] == "image/png"


@pytest.mark.anyio
async def test_query_and_json_must_not_contradict_each_other(client: httpx.AsyncClient) -> None:
    assert (await client.post("/predict?conf=0.5", json={"image": TEXT, "conf": 0.5})).status_code == 200
    response = await client.post("/predict?conf=0.4", json={"image": TEXT, "conf": 0.5})
    assert_error(response, 422, "invalid_parameter", "'conf'", "given twice")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "line 1"),
        (b"{", "line 1"),
        (JPEG, '{"image"'),
        (b"\xff\xfe\xfd", "JSON"),
        (b"[]", '{"image"'),
        (b'"text"', '{"image"'),
        (b"null", '{"image"'),
        (b'{"image": 5}', "must be text"),
        (b'{"image": null}', "must be text"),
        (b'{"url": ["http://x"]}', "must be text"),
        (b'{"image": "", "url": "http://x"}', "one of them"),
        (b'{"image": "", "image": ""}', "same key twice"),
        (b'{"image": "", "conf": NaN}', "NaN"),
        (b'{"image": "", "conf": ' + b"9" * 5000 + b"}", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"image": "' + b"A" * 100, "Unterminated"),
    ],
)
async def test_what_is_not_the_expected_json_is_400(
    client: httpx.AsyncClient, fake: FakeTorchServe, body: bytes, says: str
) -> None:
    response = await client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert_error(response, 400, "invalid_json", says)
    assert fake.predictions == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "text",
    [
        "not base64 at all",
        TEXT + "=",
        TEXT + "==",
        TEXT[:40] + "!" + TEXT[40:],
        TEXT[:40] + "=" + TEXT[40:],
        TEXT[:40] + "====" + TEXT[40:],
        "A" * 5,
        "=" * 8,
        "é" * 8,
        "\ud800AAA",
        "data:image/jpeg," + TEXT,
        "data:image/jpeg;base64",
        "data:image/jpeg;base64,data:image/jpeg;base64," + TEXT,
    ],
)
async def test_text_that_is_not_strictly_base64_is_400_and_says_how_to_write_it(
    client: httpx.AsyncClient, fake: FakeTorchServe, text: str
) -> None:
    response = await client.post("/predict", content=json.dumps({"image": text}), headers=AS_JSON)
    assert_error(response, 400, "invalid_base64")
    assert fake.predictions == []


@pytest.mark.anyio
@pytest.mark.parametrize("size", [300, 6000, 400_000, 3_000_000])
async def test_base64_is_taken_however_clients_write_it(
    client: httpx.AsyncClient, fake: FakeTorchServe, size: int
) -> None:
    picture = JPEG + b"\xfb\xff\xfe" * (size // 3)
    text = base64.b64encode(picture).decode()
    lines = base64.encodebytes(picture).decode()
    ways = {
        "plain": json.dumps({"image": text}),
        "without padding": json.dumps({"image": text.rstrip("=")}),
        "URL-safe": json.dumps({"image": text.translate(str.maketrans("+/", "-_"))}),
        "in lines": json.dumps({"image": lines}),
        "in lines of Windows": json.dumps({"image": lines.replace("\n", "\r\n")}),
        "in lines that the shell put into the JSON": f'{{"image": "{lines}"}}',
        "PHP": json.dumps({"image": text}).replace("/", "\\/"),
        ".NET": json.dumps({"image": text}).replace("+", "\\u002B"),
        "PHP, data: URL": json.dumps({"image": f"data:image/jpeg;base64,{text}"}).replace("/", "\\/"),
        "blanks around": json.dumps({"image": f"  {text}\n"}),
        "as url": json.dumps({"url": f"data:image/jpeg;base64,{text}"}),
    }
    for way, body in ways.items():
        response = await client.post("/predict", content=body, headers=AS_JSON)
        assert response.status_code == 200, (way, response.text)
        assert fake.predictions[-1].body == picture, way
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [lines]}
    response = await client.post("/v2/models/yolo/infer", json={"inputs": [tensor]})
    assert response.status_code == 200, response.text
    assert fake.predictions[-1].body == picture


@pytest.mark.anyio
async def test_a_url_under_image_is_a_url(client: httpx.AsyncClient) -> None:
    for text in ("https://example.com/a.jpg", "HTTP://example.com/a.jpg"):
        response = await client.post("/predict", json={"image": text})
        assert_error(response, 403, "url_not_allowed", "URL_ALLOW")
    long = {"url": "https://example.com/" + "a" * 5000}
    assert_error(await client.post("/predict", json=long), 403, "url_not_allowed", "longer than 2048")


@pytest.mark.anyio
async def test_base64_of_base64_is_told_apart(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    twice = base64.b64encode(TEXT.encode()).decode()
    assert_error(await client.post("/predict", json={"image": twice}), 415, "unsupported_image", "encode it once")
    assert fake.predictions == []


AS_JSON = {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("given", "status", "code", "says"),
    [
        ({}, 422, "missing_file", '"image"'),
        ({"picture": TEXT}, 422, "missing_file", "'picture'"),
        ({"images": [TEXT]}, 422, "too_many_files", "/predict/batch"),
        ({"image": TEXT, "conf": 2}, 422, "invalid_parameter", "'conf'"),
        ({"image": TEXT, "conf": True}, 422, "invalid_parameter", "'conf'"),
        ({"image": TEXT, "conf": {}}, 422, "invalid_parameter", "'conf'"),
        ({"image": TEXT, "classes": []}, 422, "invalid_parameter", "'classes'"),
        ({"image": TEXT, "classes": [True, None]}, 422, "invalid_parameter", "'classes'"),
        ({"image": TEXT, "classes": [[1]]}, 422, "invalid_parameter", "'classes'"),
        ({"image": TEXT, "threshold": 0.5}, 422, "invalid_parameter", "'threshold'"),
        ({"image": TEXT, "\ud800": 1}, 422, "invalid_parameter", "not a parameter"),
        ({"image": TEXT, "format": "gif"}, 422, "invalid_parameter", "'format'"),
        ({"image": ""}, 400, "invalid_image", "0 bytes"),
        ({"image": "AAAA"}, 415, "unsupported_image", "JPEG"),
        ({"image": base64.b64encode(JPEG[:50]).decode()}, 400, "invalid_image", "cut short"),
        ({"image": base64.b64encode(huge_png()).decode()}, 413, "image_too_large", "64000000"),
        ({"url": "https://example.com/a.jpg"}, 403, "url_not_allowed", "URL_ALLOW"),
    ],
)
async def test_what_is_wrong_is_said(
    client: httpx.AsyncClient, fake: FakeTorchServe, given: dict[str, Any], status: int, code: str, says: str
) -> None:
    response = await client.post("/predict", content=json.dumps(given), headers=AS_JSON)
    assert_error(response, status, code, says)
    assert fake.predictions == []


@pytest.mark.anyio
@pytest.mark.parametrize("part", [b"[],", b"{},", b"0,", b'"",', b'{"":[', b'"\xf0\x9f\x8d\x8b",'])
async def test_json_that_would_grow_in_memory_is_refused_before_it_is_parsed(part: bytes) -> None:
    body = b'{"images": [' + part * 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(InvalidJson, match="more than"):
            await read_one(body, 2**20)
        with pytest.raises(InvalidJson, match="more than"):
            read_many(body, 32)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.anyio
async def test_names_addresses_and_classes_may_have_commas() -> None:
    address = "https://example.com/" + "," * 500
    images = [{"name": "," * 255, "url": address}] * 32
    sent = read_many(json.dumps({"images": images, "classes": list(range(1000))}).encode(), 32)
    assert len(sent.images) == 32
    one = await read_one(json.dumps({"url": address, "classes": "a," * 1000}).encode(), 2**20)
    assert one.source == ImageUrl(address)


@pytest.mark.anyio
async def test_the_picture_may_be_as_large_as_an_uploaded_one_and_no_larger(settings: SettingsMaker) -> None:
    def padded(size: int) -> dict[str, str]:
        return {"image": base64.b64encode(JPEG.ljust(size, b"\0")).decode()}

    async with running_app(settings(max_body_bytes=6000)) as (_, client):
        assert (await client.post("/predict", json=padded(6000))).status_code == 200
        for size in (6003, 9000):
            assert_error(await client.post("/predict", json=padded(size)), 413, "body_too_large", "6000 bytes")
        response = await client.post("/predict", json=padded(80_000))  # refused by what is declared
        assert_error(response, 413, "body_too_large")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 100, 101, 102])
def test_the_limit_is_the_pictures_own_size_in_bytes(size: int) -> None:
    text = base64.b64encode(bytes(size)).decode()
    assert decode_base64(text, size) == bytes(size)
    if size > 3:
        with pytest.raises(BodyTooLarge):
            decode_base64(text, size - 3)


def test_a_huge_text_is_refused_by_its_length_before_it_is_looked_at() -> None:
    with pytest.raises(BodyTooLarge):
        decode_base64("!" * 1000, 100)
    with pytest.raises(InvalidBase64):
        decode_base64("!" * 1000, 1000)
