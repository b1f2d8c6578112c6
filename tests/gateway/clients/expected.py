"""The picture that every client sends, and what the gateway must answer and pass on, however it was sent."""

from __future__ import annotations

import base64
from typing import Any

from tests.gateway.support.fake_torchserve import Asked
from tests.gateway.support.pictures import picture

#: Longer than the text field of a form may be, and than what a parser holds in one piece.
PHOTO = picture("JPEG", (640, 480)).ljust(150_000, b"\0")
TEXT = base64.b64encode(PHOTO).decode()
DATA_URL = f"data:image/jpeg;base64,{TEXT}"
#: What the parameters of most requests become on the way to the model server.
QUERY = {"conf": "0.5", "classes": "0,5"}
DETECTIONS = [
    {"confidence": 0.8912, "class": "person", "bbox": [245.31, 184.2, 456.8, 298.1], "class_id": 0},
    {"confidence": 0.7404, "class": "bus", "bbox": [10.0, 20.5, 700.25, 760.0], "class_id": 5},
]


def assert_detected(status: int, body: dict[str, Any], predictions: list[Asked], query: dict[str, str]) -> None:
    """Check an answer of /predict, and that the model server got this picture with these parameters, once."""
    assert status == 200, body
    assert body["detections"] == DETECTIONS
    assert [(asked.body == PHOTO, asked.query) for asked in predictions] == [(True, query)]


def assert_refused(status: int, body: dict[str, Any], expected: tuple[int, str, str]) -> None:
    """Check the status, the code and a part of the message of an error."""
    assert (status, body["error"]["code"]) == expected[:2], body
    assert expected[2] in body["error"]["message"]
