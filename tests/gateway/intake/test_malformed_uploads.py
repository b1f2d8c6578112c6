"""500 malformed uploads: each is refused with the gateway's one error body, and the next good image has its boxes.

A damaged image whose header is whole is not the gateway's to refuse, which never decodes: it goes to the model
server as it came. What the real one says of these is seen in tests/native/test_malformed_uploads.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from image_formats.facts import Damaged
from image_formats.inspect import read_facts
from image_formats.sniff import sniff
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.gateway_process import gateway_process
from tests.gateway.support.pictures import picture
from tests.support.endpoints import HTTP
from tests.support.malformed import Upload, malformed_uploads
from tests.support.malformed.decoding import MOST_PIXELS
from tests.support.malformed.upload import PICTURES

GOOD = picture("JPEG")
#: After so many malformed ones a good one.
EVERY = 10


@pytest.fixture
def url(_running: tuple[FakeTorchServe, str], fake: FakeTorchServe) -> Iterator[str]:
    _, backend = _running
    with gateway_process(AUTH="off", TORCHSERVE_INFERENCE_URL=backend, TORCHSERVE_MANAGEMENT_URL=backend) as found:
        yield found


def test_there_are_500_and_always_the_same() -> None:
    uploads = malformed_uploads()
    assert len(uploads) == 500
    assert len({upload.name for upload in uploads}) == 500
    malformed_uploads.cache_clear()
    assert malformed_uploads() == uploads


def test_each_is_refused_and_the_next_good_picture_has_its_boxes(url: str, fake: FakeTorchServe) -> None:
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 0
    wrong, passed = [], 0
    for number, upload in enumerate(malformed_uploads()):
        fake.predictions.clear()
        status, body = upload.send(host, port)
        passed_on = upload.picture is not None and header_is_whole(upload.picture)
        passed += passed_on
        if passed_on:
            right = status == 200 and [asked.body for asked in fake.predictions] == [upload.picture]
        else:
            right = is_refusal(upload, status, body) and not fake.predictions
        if not right:
            wrong.append((upload.name, status, body))
        if number % EVERY == 0:
            assert_boxes(url)
    assert not wrong, "\n".join(map(str, wrong))
    assert passed < PICTURES / 2  # a gateway that passes everything on refuses nothing
    assert_boxes(url)


def header_is_whole(data: bytes) -> bool:
    """Tell whether the model server finds the header whole; the gateway must agree."""
    try:
        return read_facts(sniff(data) or "", data).pixels <= MOST_PIXELS
    except (Damaged, KeyError):
        return False


def is_refusal(upload: Upload, status: int, body: dict[str, object] | str) -> bool:
    """Tell whether this is a 4xx with the one body of every error; that of the Open Inference Protocol is its own."""
    if isinstance(body, str):  # what is not HTTP gets the server's own answer
        return (status, body) == (400, "Invalid HTTP request received.")
    if not 400 <= status < 500 or body["status"] != "error" or "request_id" not in body:
        return False
    if upload.path.startswith("/v2"):
        return set(body) == {"error", "status", "code", "request_id"}
    error = body["error"]
    return isinstance(error, dict) and set(error) == {"code", "message"} and error["code"] != "internal_error"


def assert_boxes(url: str) -> None:
    answer = HTTP.post(f"{url}/predict", files={"file": GOOD})
    assert answer.status_code == 200, answer.text
    assert [found["class"] for found in answer.json()["detections"]] == ["person", "bus"]
