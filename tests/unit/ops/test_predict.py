import pytest

from ops import predict
from ops.errors import OpsError


def test_detections_are_shown_one_a_line_with_their_box_in_pixels():
    body = {"detections": [{"class": "bus", "confidence": 0.8791, "bbox": [23.1, 232, 806.4, 757]}]}
    assert predict.table(body) == ["  bus            0.879  [   23.1,   232.0,   806.4,   757.0]"]


def test_an_answer_without_detections_says_so():
    assert predict.table({"detections": []}) == ["  nothing found above the confidence threshold"]


def test_a_gateway_that_is_not_there_is_named_with_the_command_that_starts_it(tmp_path):
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x")
    with pytest.raises(OpsError, match=r"scripts/up\.sh"):
        predict.ask("http://127.0.0.1:9", picture)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OpsError, match=r"absent\.jpg"):
        predict.ask("http://127.0.0.1:9", tmp_path / "absent.jpg")
