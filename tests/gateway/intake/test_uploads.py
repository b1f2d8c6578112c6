"""What people send by mistake: each gets its own 4xx, a message with the mend, and goes no further."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.fake_torchserve import FakeTorchServe, serving, torchserve_error
from tests.gateway.support.pictures import picture
from tests.support import huge_png

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
BOUNDARY = "multipart/form-data; boundary=b"


def part(headers: str, data: bytes = b"x") -> bytes:
    return b"--b\r\nContent-Disposition: form-data" + headers.encode() + b"\r\n\r\n" + data + b"\r\n--b--\r\n"


async def megabytes(count: int, started: list[int]) -> AsyncIterator[bytes]:
    for number in range(count):
        started.append(number)
        yield JPEG.ljust(2**20, b"\0")
        await asyncio.sleep(0)


async def test_a_text_file_is_415_and_says_what_is_read(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    response = await client.post("/predict", files={"file": ("notes.txt", b"these are notes", "text/plain")})
    assert_error(response, 415, "unsupported_image", "JPEG", "PNG", "WEBP")
    assert fake.predictions == []


async def test_an_empty_file_is_400(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    response = await client.post("/predict", files={"file": ("empty.jpg", b"", "image/jpeg")})
    assert_error(response, 400, "invalid_image", "0 bytes")
    assert fake.predictions == []


@pytest.mark.parametrize("headers", [{"Content-Type": "image/jpeg"}, {}])
async def test_an_empty_body_is_400(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert_error(await client.post("/predict", headers=headers), 400, "invalid_image", "0 bytes", "'file'")


async def test_a_picture_cut_in_its_header_is_400_without_asking_the_model_server(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    response = await client.post("/predict", files={"file": JPEG[:50]})
    assert_error(response, 400, "invalid_image", "JPEG", "cut short")
    assert fake.predictions == []


@pytest.mark.parametrize(("bits", "kind"), [(12, b"\xff\xc0"), (12, b"\xff\xc1"), (12, b"\xff\xc2"), (16, b"\xff\xc3")])
async def test_a_jpeg_of_more_than_eight_bits_is_415_and_says_how_to_save_it(
    client: httpx.AsyncClient, fake: FakeTorchServe, bits: int, kind: bytes
) -> None:
    data = bytearray(JPEG)
    frame = data.index(b"\xff\xc0")
    data[frame : frame + 2] = kind
    data[frame + 4] = bits
    data[frame:frame] = b"\xff\xff"  # which may stand before any marker
    response = await client.post("/predict", files={"file": bytes(data)})
    assert_error(response, 415, "unsupported_image", f"{bits}-bit", "8 bits per sample")
    assert fake.predictions == []
    cut = await client.post("/predict", files={"file": bytes(data[:frame])})
    assert_error(cut, 400, "invalid_image", "cut short")


async def test_a_picture_cut_in_its_pixels_is_400_with_the_handlers_message(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: torchserve_error(400, "InvalidImage", "the JPEG ends before its last row")
    cut = picture("JPEG", (640, 480))[:-200]
    response = await client.post("/predict", files={"file": cut})
    assert_error(response, 400, "invalid_image", "the JPEG ends before its last row")
    assert len(fake.predictions) == 1


async def test_a_body_that_declares_too_many_bytes_is_413_before_it_is_read(client: httpx.AsyncClient) -> None:
    started: list[int] = []
    headers = {"Content-Type": "image/jpeg", "Content-Length": str(30 * 2**20)}
    response = await client.post("/predict", content=megabytes(30, started), headers=headers)
    assert_error(response, 413, "body_too_large", "20971520 bytes")
    assert len(started) <= 1


async def test_a_body_of_undeclared_size_is_413_as_soon_as_it_is_too_large(client: httpx.AsyncClient) -> None:
    started: list[int] = []
    response = await client.post("/predict", content=megabytes(30, started), headers={"Content-Type": "image/jpeg"})
    assert_error(response, 413, "body_too_large")
    assert len(started) <= 22  # 20 fit, the next one is too much


async def test_an_undeclared_form_of_thirty_megabytes_is_413(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    async def form() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        async for chunk in megabytes(30, []):
            yield chunk
        yield b"\r\n--b--\r\n"

    response = await client.post("/predict", content=form(), headers={"Content-Type": BOUNDARY})
    assert_error(response, 413, "body_too_large")
    assert fake.predictions == []


async def test_over_a_real_socket_thirty_undeclared_megabytes_get_their_413_and_the_next_picture_its_boxes(
    settings: SettingsMaker,
) -> None:
    with serving(create_app(settings()), lifespan="on") as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            headers = {"Content-Type": "image/jpeg"}
            response = await client.post("/predict", content=megabytes(30, []), headers=headers)
            assert_error(response, 413, "body_too_large")
            assert (await client.post("/predict", files={"file": JPEG})).status_code == 200


async def test_a_body_of_exactly_the_limit_is_taken(settings: SettingsMaker) -> None:
    async with running_app(settings(max_body_bytes=2048)) as (_, client):
        headers = {"Content-Type": "image/jpeg"}
        assert (await client.post("/predict", content=JPEG.ljust(2048, b"\0"), headers=headers)).status_code == 200
        response = await client.post("/predict", content=JPEG.ljust(2049, b"\0"), headers=headers)
        assert_error(response, 413, "body_too_large", "2048 bytes")


async def test_a_picture_of_four_hundred_megapixels_is_413_and_not_sent_on(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    response = await client.post("/predict", files={"file": huge_png()})
    assert_error(response, 413, "image_too_large", "64000000")
    assert fake.predictions == []


async def test_a_picture_just_above_the_limit_is_413_with_its_size(settings: SettingsMaker) -> None:
    async with running_app(settings(max_image_pixels=3071)) as (_, client):
        response = await client.post("/predict", files={"file": JPEG})
        assert_error(response, 413, "image_too_large", "64 × 48", "3071")
    async with running_app(settings(max_image_pixels=3072)) as (_, client):
        assert (await client.post("/predict", files={"file": JPEG})).status_code == 200


async def test_a_wrong_field_name_is_422_with_the_expected_and_the_received(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", files={"image": JPEG}, data={"conf": "0.5"})
    assert_error(response, 422, "missing_file", "'file'", "received 'image', 'conf'", "curl -F file=@")


@pytest.mark.parametrize("brackets", ["[]", "[0]", "[17]"])
async def test_a_file_may_be_the_entry_of_a_list(
    client: httpx.AsyncClient, fake: FakeTorchServe, brackets: str
) -> None:
    for path, field in (("/predict", "file"), ("/predict/batch", "files"), ("/v1/vision/detection", "image")):
        response = await client.post(path, files={f"{field}{brackets}": JPEG})
        assert response.status_code == 200, response.text
    assert [asked.body for asked in fake.predictions] == [JPEG] * 3


@pytest.mark.parametrize("field", ["file[", "file[a]", "file[][]", "file[].jpg", "file[0", "[]", "file[99999]"])
async def test_other_brackets_are_another_field(client: httpx.AsyncClient, field: str) -> None:
    for path in ("/predict", "/predict/batch"):
        assert_error(await client.post(path, files={field: JPEG}), 422, "missing_file", "received")


async def test_several_entries_of_a_list_are_too_many_for_one_image(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", files=[("file[]", JPEG), ("file[]", JPEG)])
    assert_error(response, 422, "too_many_files", "2 files")


async def test_a_file_field_sent_as_text_is_422_and_names_the_forgotten_at_sign(client: httpx.AsyncClient) -> None:
    body = part('; name="file"', b"street.jpg")
    response = await client.post("/predict", content=body, headers={"Content-Type": BOUNDARY})
    assert_error(response, 422, "missing_file", "as text", "@")


async def test_a_form_without_fields_is_422(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", content=b"--b--\r\n", headers={"Content-Type": BOUNDARY})
    assert_error(response, 422, "missing_file", "no fields")


async def test_the_names_that_are_repeated_back_are_bounded_and_visible(client: httpx.AsyncClient) -> None:
    fields = {f"\x1b[31m{number}" + "x" * 500: "1" for number in range(20)}
    response = await client.post("/predict", files={"other": JPEG}, data=fields)
    message = assert_error(response, 422, "missing_file", "and 13 more")
    assert "\x1b" not in message
    assert len(message) < 1000


async def test_two_files_are_422_and_say_so(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    response = await client.post("/predict", files=[("file", JPEG), ("file", JPEG)])
    assert_error(response, 422, "too_many_files", "2 files", "one image per request")
    many = await client.post("/predict", files=[("file", JPEG)] * 17)
    assert_error(many, 422, "too_many_files")
    assert fake.predictions == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
async def test_other_content_types_are_415_with_the_ways_that_work(
    client: httpx.AsyncClient, content_type: str
) -> None:
    response = await client.post("/predict", content=JPEG, headers={"Content-Type": content_type})
    assert_error(response, 415, "unsupported_media_type", content_type, "curl -F file=@", "image/jpeg", "json")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", part('; name="file"; filename="a"', JPEG)),
        ("multipart/form-data; boundary=", JPEG),
        (BOUNDARY, b"no boundary in here"),
        (BOUNDARY, part("", JPEG)),
        (BOUNDARY, part('; name="note"', b"x" * 70_000)),
        (BOUNDARY, part('; name="file"; filename="a.jpg"', JPEG)[:-4]),
        (f"multipart/form-data; boundary={'b' * 5000}", JPEG),
    ],
    ids=[
        "no boundary",
        "empty boundary",
        "not a form",
        "a part without a name",
        "a huge field",
        "cut short",
        "a huge boundary",
    ],
)
async def test_a_broken_form_is_400(client: httpx.AsyncClient, content_type: str, body: bytes) -> None:
    response = await client.post("/predict", content=body, headers={"Content-Type": content_type})
    assert_error(response, 400, "invalid_form")


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ('; name="file"\r\nContent-Type: image/jpeg', JPEG),
        ('; name="file"\r\nContent-Type: image/jpeg', JPEG.ljust(100_000, b"\0")),
        ('; name="file"\r\nContent-Type: IMAGE/PNG; x=y', JPEG),
        ('; name="file"\r\nContent-Type: application/octet-stream', JPEG.ljust(100_000, b"\0")),
        ("; name=\"file\"; filename*=UTF-8''a.jpg", JPEG),
    ],
)
async def test_a_picture_without_a_file_name_is_taken_by_its_type(
    client: httpx.AsyncClient, fake: FakeTorchServe, headers: str, data: bytes
) -> None:
    response = await client.post("/predict", content=part(headers, data), headers={"Content-Type": BOUNDARY})
    assert response.status_code == 200, response.text
    assert fake.predictions[0].body == data


@pytest.mark.parametrize("size", [len(JPEG), 65_536, 65_537, 2_000_000])
async def test_a_picture_without_name_and_type_is_told_what_it_lacks(client: httpx.AsyncClient, size: int) -> None:
    body = part('; name="file"', JPEG.ljust(size, b"\0"))
    response = await client.post("/predict", content=body, headers={"Content-Type": BOUNDARY})
    message = response.json()["error"]["message"]
    assert response.status_code in (400, 422)
    assert "no file name" in message
    assert "boundary" not in message
    if size > 65_536:
        assert "65536" in message, "a limit is reported as the limit"


async def test_an_empty_second_file_input_of_a_page_is_ignored(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    empty = b'--b\r\nContent-Disposition: form-data; name="mask"; filename=""\r\nContent-Type: application/octet-stream'
    body = empty + b"\r\n\r\n\r\n" + part('; name="file"; filename="a.jpg"', JPEG)
    assert (await client.post("/predict", content=body, headers={"Content-Type": BOUNDARY})).status_code == 200
    many = body.replace(b'"file"', b'"files"')
    answer = await client.post("/predict/batch", content=many, headers={"Content-Type": BOUNDARY})
    assert answer.json()["succeeded"] == 1
    alone = empty + b"\r\n\r\n\r\n--b--\r\n"
    response = await client.post("/predict", content=alone, headers={"Content-Type": BOUNDARY})
    assert_error(response, 422, "missing_file", "without a file")


async def test_an_input_that_was_left_empty_means_the_default(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fields = {"conf": "", "classes": " ", "format": "", "version": ""}
    response = await client.post("/predict?iou=&conf=0.5", files={"file": JPEG}, data=fields)
    assert response.status_code == 200, response.text
    assert fake.predictions[0].query == {"conf": "0.5"}


async def test_too_many_fields_are_reported_as_such(client: httpx.AsyncClient) -> None:
    fields = {f"f{number}": "1" for number in range(65)}
    response = await client.post("/predict", files={"file": JPEG}, data=fields)
    assert_error(response, 400, "invalid_form", "more than 64 fields")


async def test_a_preamble_and_blanks_after_the_boundary_are_taken(client: httpx.AsyncClient) -> None:
    body = b"A preamble.\r\n" + part('; name="file"; filename="a.jpg"', JPEG).replace(b"--b\r\n", b"--b  \r\n")
    assert (await client.post("/predict", content=body, headers={"Content-Type": BOUNDARY})).status_code == 200


FORM = part('; name="file"; filename="a.jpg"', JPEG)


@pytest.mark.parametrize(
    ("content_type", "body", "says"),
    [
        ("application/json", FORM, "multipart form"),
        ("image/jpeg", FORM, "multipart form"),
        ("image/jpeg", base64.b64encode(JPEG), "base64"),
        ("image/jpeg", b"\n" + base64.b64encode(JPEG), "base64"),
        ("image/jpeg", b'{"image": "AAAA"}', "application/json"),
        ("", b'  {"url": "https://x"}', "application/json"),
        ("image/jpeg", b"data:image/jpeg;base64,AAAA", "data: URL"),
        ("image/jpeg", b"https://example.com/a.jpg", "a URL"),
        ("image/jpeg", b"<!DOCTYPE html><html>", "a page"),
        ("image/svg+xml", b"<svg xmlns='x'/>", "markup"),
        ("application/octet-stream", b"%PDF-1.7", "PDF"),
        ("application/octet-stream", b"PK\3\4....", "ZIP"),
        ("image/jpeg", gzip.compress(JPEG), "gzip"),
        (BOUNDARY, part('; name="file"; filename="a.jpg"', base64.b64encode(JPEG)), "base64"),
        (BOUNDARY, part('; name="file"; filename="a.jpg"', b"<html>404 not found</html>"), "a page"),
    ],
)
async def test_what_is_sent_by_mistake_is_called_by_its_name(
    client: httpx.AsyncClient, fake: FakeTorchServe, content_type: str, body: bytes, says: str
) -> None:
    response = await client.post("/predict", content=body, headers={"Content-Type": content_type})
    assert response.status_code in (400, 415)
    assert says in response.json()["error"]["message"]
    assert fake.predictions == []


async def test_in_the_inference_protocol_too(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    text = base64.b64encode(JPEG)
    raw = await client.post("/v2/models/yolo/infer", content=text, headers={"Inference-Header-Content-Length": "0"})
    twice = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(text).decode()]}
    for response in (raw, await client.post("/v2/models/yolo/infer", json={"inputs": [twice]})):
        assert response.status_code == 415
        assert "base64 text" in response.json()["error"]
    assert fake.predictions == []


async def test_after_all_of_these_the_next_picture_is_answered(client: httpx.AsyncClient) -> None:
    for bad in (b"", b"text", JPEG[:30], huge_png()):
        assert (await client.post("/predict", files={"file": bad})).is_client_error
    assert (await client.post("/predict", files={"file": JPEG})).status_code == 200
