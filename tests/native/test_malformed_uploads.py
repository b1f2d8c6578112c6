"""The 500 malformed uploads through the real TorchServe and its workers: each is refused, none of them hurts.

The rule (tests/support/malformed/decoding.py): what neither Pillow nor OpenCV can decode whole is malformed: a 4xx.
What one of them does decode, a flipped bit in the pixels, is a picture and gets 200, or a 4xx where the handler is
stricter, as with JPEGs whose end is missing. Nothing gets a 5xx, no worker dies, and good pictures in between have
their boxes.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.support import wait_until
from tests.support.malformed import malformed_uploads
from tests.support.malformed.pictures import tolerated
from tests.support.people import assert_same_boxes, people

#: Between so many bad ones a good one; in one batch with some of them, as several are under way at once.
EVERY = 40
AT_ONCE = 4
TOLERATED = 100


def workers(service):
    return {process.pid for process in service.processes("model_service_worker")}


def refused(status, body):
    if isinstance(body, str):  # what is not HTTP gets the server's own answer
        return (status, body) == (400, "Invalid HTTP request received.")
    return 400 <= status < 500 and body["status"] == "error" and "request_id" in body


def test_every_malformed_upload_is_refused_and_good_pictures_have_their_boxes(demo):
    street = (demo.root / "samples" / "street.jpg").read_bytes()
    before, expected = wait_until(lambda: workers(demo), "there are workers"), people(demo.gateway, street)
    # Those are decoded and inferred: at a size that costs little, because what is tried is the decoding.
    decoded = [replace(upload, path=f"{upload.path}?imgsz=64") for upload in tolerated(random.Random(1), TOLERATED)]
    uploads = [*malformed_uploads(), *decoded]
    assert len(expected) >= 4

    def send(number):
        if number % EVERY == 0:
            assert_same_boxes(people(demo.gateway, street), expected)
        return uploads[number].send("127.0.0.1", demo.ports["GATEWAY_PORT"])

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
    assert workers(demo) == before, "a worker died"
    assert_same_boxes(people(demo.gateway, street), expected)
