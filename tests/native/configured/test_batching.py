"""Pictures that TorchServe itself puts into one batch: each has its own answer, the one it would have alone."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from PIL import Image

from tests.support import jpeg, wait_until
from tests.support.endpoints import HTTP


def logged(service, request_id):
    """What the worker's log says of one request, None where it says nothing (yet)."""
    lines = [line for line in service.log("torchserve").splitlines() if f'"{request_id}"' in line]
    return next((found for line in lines if (found := json.loads(line)).get("event") == "predict"), None)


def test_a_bad_picture_between_two_good_ones_has_its_own_error_and_they_the_boxes_they_have_alone(configured):
    def ask(picture, request_id):
        headers = {"X-Request-ID": request_id}
        answer = HTTP.post(f"{configured.gateway}/predict", content=picture, headers=headers, timeout=60)
        return answer.status_code, answer.json()

    def together(pictures, name):
        """Ask about them at the same moment; say whether they became one batch, which is up to the moment."""
        ids = [f"{name}-{place}" for place in range(len(pictures))]
        answers = list(pool.map(ask, pictures, ids))
        assert [status for status, _ in answers] == [200, 400, 200]
        assert answers[1][1]["error"]["code"] == "invalid_image"
        assert [answers[place][1]["detections"] for place in (0, 2)] == alone
        lines = [wait_until(lambda each=each: logged(configured, each), f"{each} is logged") for each in ids]
        assert [line["status"] for line in lines] == [200, 400, 200]
        return {line["batch"] for line in lines} == {3}

    street = (configured.root / "samples/street.jpg").read_bytes()
    stream = io.BytesIO()
    with Image.open(configured.root / "samples/people.jpg") as people:
        people.convert("L").save(stream, "JPEG")  # of one component, as scanners and cameras by night send them
    pictures = [street, jpeg(640, 480)[:3000], stream.getvalue()]
    alone = []
    for place in (0, 2):
        status, body = ask(pictures[place], f"alone-{place}")
        assert status == 200, body
        alone.append(body["detections"])
        line = wait_until(lambda place=place: logged(configured, f"alone-{place}"), "it is logged")
        assert line["batch"] == 1
    assert all(alone), "a picture without boxes proves nothing"
    assert alone[0] != alone[1]
    attempts = count()
    with ThreadPoolExecutor(3) as pool:
        wait_until(lambda: together(pictures, f"together-{next(attempts)}"), "three pictures are one batch", 30)
