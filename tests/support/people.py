"""The people on the sample photograph of a street, as the demonstration weights find them."""

from __future__ import annotations

import pytest

from tests.support.endpoints import HTTP

Box = tuple[float, ...]


def people(gateway: str, picture: bytes) -> list[Box]:
    """Ask a gateway about the picture; return the boxes of the people on it."""
    answer = HTTP.post(f"{gateway}/predict", files={"file": picture})
    assert answer.status_code == 200, answer.text
    return sorted(tuple(found["bbox"]) for found in answer.json()["detections"] if found["class"] == "Normal")


def assert_same_boxes(found: list[Box], expected: list[Box]) -> None:
    """The boxes are these, within a pixel: within one batch arithmetic may differ in the last digits."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1)
