"""The 500 malformed uploads through the real TorchServe and its workers: each is refused, none of them hurts.

The rule (tests/support/malformed/decoding.py): what neither Pillow nor OpenCV can decode whole is malformed: a 4xx.
What one of them does decode, a flipped bit in the pixels, is a picture and gets 200, or a 4xx where the handler is
stricter, as with JPEGs whose end is missing. Nothing gets a 5xx, no worker dies, and good pictures in between have
their boxes.
"""

import random
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.support import wait_until
from tests.support.deployment import DEMO
from tests.support.malformed import malformed_uploads
from tests.support.malformed.pictures import tolerated

#: Between so many bad ones a good one; in one batch with some of them, as several are under way at once.
EVERY = 20
AT_ONCE = 4
TOLERATED = 150


def people(service):
    picture = (service.root / "samples" / "street.jpg").read_bytes()
    answer = httpx.post(f"{service.gateway}/predict", files={"file": picture}, timeout=60)
    assert answer.status_code == 200, answer.text
    return sorted(tuple(found["bbox"]) for found in answer.json()["detections"] if found["class"] == "Normal")


def workers(service):
    return {process.pid for process in service.processes("model_service_worker")}


def refused(status, body):
    if isinstance(body, str):  # what is not HTTP gets the server's own answer
        return (status, body) == (400, "Invalid HTTP request received.")
    return 400 <= status < 500 and body["status"] == "error" and "request_id" in body


def test_every_malformed_upload_is_refused_and_good_pictures_have_their_boxes(installed, service):
    installed.settle(DEMO)
    before, expected = wait_until(lambda: workers(service), "there are workers"), people(service)
    uploads = [*malformed_uploads(), *tolerated(random.Random(1), TOLERATED)]
    assert len(expected) >= 4

    def send(number):
        if number % EVERY == 0:
            found = people(service)
            assert len(found) == len(expected), f"boxes after upload {number}"
            # Within one batch arithmetic may differ in the last digits.
            assert all(
                abs(a - b) < 1 for one, two in zip(found, expected, strict=True) for a, b in zip(one, two, strict=True)
            )
        return uploads[number].send("127.0.0.1", service.ports["GATEWAY_PORT"])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(zip(uploads, pool.map(send, range(len(uploads))), strict=True))

    malformed = set(malformed_uploads())
    wrong = [
        (upload.name, status, body)
        for upload, (status, body) in answers
        if not refused(status, body) and (upload in malformed or status != 200)
    ]
    assert not wrong, "\n".join(map(str, wrong))
    assert any(status == 200 for _, (status, _) in answers), "no damage at all was tolerated: the rule is not tried"
    assert workers(service) == before, "a worker died"
    assert len(people(service)) == len(expected)
