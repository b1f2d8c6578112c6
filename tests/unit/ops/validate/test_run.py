"""A validation against a gateway that is a function from request to answer."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from ops.__main__ import run as command
from ops.errors import KeyNeededError, NotRunningError, NotServingError, OpsError
from ops.predict import client
from ops.validate.dataset import differences
from ops.validate.pictures import Frame, arrange, rectangle
from ops.validate.service import choose
from tests.support.answering import answering
from tests.unit.ops.validate.test_dataset import write_set
from tests.unit.ops.validate.test_metrics import sample

DETAILS = {"task": "detect", "names": {"0": "person", "1": "bus"}, "imgsz": [64, 64], "stride": 32, "head": "Detect"}
LABEL = "0 0.5 0.5 0.5 0.5\n"


def models(**details: object) -> dict:
    """An answer to GET /models."""
    loaded = [{"version": "1.0", "default": True, "details": {**DETAILS, **details}}, {"version": "1.1"}]
    return {"models": [{"name": "yolo", "versions": loaded}, {"name": "plates", "versions": loaded[:1]}]}


class Gateway:
    """Finds a person in the middle of what is not padding; remembers what it was asked."""

    def __init__(self, **details: object) -> None:
        self.listed = models(**details)
        self.asked: list[httpx.Request] = []
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/models":
            return httpx.Response(200, json=self.listed)
        self.asked.append(request)
        with Image.open(io.BytesIO(request.content)) as picture:
            pixels = np.asarray(picture.convert("L"))
        self.sizes.append((pixels.shape[1], pixels.shape[0]))
        rows, columns = np.nonzero(pixels < 100)
        x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        x, y, w, h = (x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2
        box = [float(x - w / 2), float(y - h / 2), float(x + w / 2), float(y + h / 2)]
        found = [{"class_id": 0, "class": "person", "confidence": 0.9, "bbox": box}]
        size = {"width": pixels.shape[1], "height": pixels.shape[0]}
        model = {"name": "yolo", "version": request.url.params.get("version", "1.0")}
        return httpx.Response(200, json={"detections": found, "image": size, "model": model})


def validate(url: str, file: Path, *options: str) -> int:
    return command(["validate", str(file), "--url", url, *options])


def test_pictures_are_sent_as_the_network_sees_them_in_ultralytics_own_validation(tmp_path, capsys):
    gateway = Gateway()
    with answering(gateway) as url:
        assert validate(url, write_set(tmp_path, {"a": LABEL, "b": LABEL})) == 0
    assert gateway.sizes == [(96, 64)] * 2  # 64 × 32 in the network, and half a stride around it
    assert {tuple(sorted(asked.url.params.items())) for asked in gateway.asked} == {
        (("conf", "0.001"), ("imgsz", "96"), ("iou", "0.7"), ("max_det", "300"), ("multi_label", "true"))
    }
    assert gateway.asked[0].headers["cache-control"] == "no-store"
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == ["all", "2", "2", "1", "1", "0.995", "0.995"]
    assert "model yolo 1.0, detect; pictures letterboxed as by yolo val" in printed.err
    assert "2 done" in printed.err


def test_the_files_themselves_are_sent_where_that_is_asked_for_or_the_model_stretches_them(tmp_path, capsys):
    file = write_set(tmp_path, {"a": LABEL})
    for gateway, options in (
        (Gateway(), ["--originals"]),
        (Gateway(head="RTDETRDecoder"), []),
        (Gateway(imgsz=None), ["--originals"]),
    ):
        with answering(gateway) as url:
            assert validate(url, file, "--json", *options) == 0
        found = json.loads(capsys.readouterr().out)
        assert gateway.asked[0].content == (tmp_path / "images/val/a.jpg").read_bytes()
        assert "imgsz" not in gateway.asked[0].url.params
        assert (found["letterbox"], found["all"]["map50_95"]) == ("service", pytest.approx(0.995))
        assert found["model"] == {"name": "yolo", "version": "1.0", "task": "detect"}


def test_a_model_that_is_not_loaded_is_loaded_by_a_first_request_and_then_says_what_it_takes(tmp_path):
    gateway = Gateway(imgsz=None)

    def sleeping(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/predict":
            gateway.listed = models()
        return gateway(request)

    with answering(sleeping) as url:
        assert validate(url, write_set(tmp_path, {"a": LABEL}), "--model", "plates") == 0
    first, second = gateway.asked
    assert (dict(first.url.params), second.url.params["imgsz"]) == ({"model": "plates"}, "96")


def test_a_model_that_never_says_what_it_takes_is_not_measured_in_another_way_unnoticed(tmp_path):
    with answering(Gateway(imgsz=None)) as url, pytest.raises(OpsError, match=r"which size.* --originals"):
        validate(url, write_set(tmp_path, {"a": LABEL}))


def test_a_model_and_a_version_are_named_to_the_gateway(tmp_path):
    gateway = Gateway()
    with answering(gateway) as url:
        file = write_set(tmp_path, {"a": LABEL})
        assert validate(url, file, "--model", "plates", "--version", "1.0") == 0
        with pytest.raises(OpsError, match=r"no model cars\. It serves yolo, plates"):
            validate(url, file, "--model", "cars")
        with pytest.raises(OpsError, match=r"version 9 of yolo is not loaded\. Loaded: 1\.0, 1\.1"):
            validate(url, file, "--version", "9")
    params = gateway.asked[0].url.params
    assert (params["model"], params["version"]) == ("plates", "1.0")


def test_a_picture_that_is_refused_is_named_and_is_in_no_figure(tmp_path, capsys):
    gateway = Gateway()

    def refuse_one(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/predict" and len(request.content) != (tmp_path / "images/val/b.jpg").stat().st_size:
            return httpx.Response(422, json={"error": {"code": "invalid_image", "message": "no"}})
        return gateway(request)

    file = write_set(tmp_path, {"a": LABEL, "b": LABEL})
    Image.new("RGB", (80, 40)).save(tmp_path / "images/val/a.jpg")
    with answering(refuse_one) as url:
        assert validate(url, file, "--originals", "--json") == 1
    printed = capsys.readouterr()
    assert "images/val/a.jpg: 422 invalid_image: no" in printed.err
    assert json.loads(printed.out)["pictures"] == {"measured": 1, "failed": 1}


def test_a_picture_that_cannot_be_read_is_left_out_with_a_warning(tmp_path, capsys):
    file = write_set(tmp_path, {"a": LABEL, "b": LABEL, "c": "x"})
    (tmp_path / "images/val/a.jpg").write_bytes(b"no picture")
    with answering(Gateway()) as url:
        assert validate(url, file) == 0
    printed = capsys.readouterr()
    assert "left out: " in printed.err
    assert "images/val/a.jpg: it is not a picture that can be read" in printed.err
    assert "labels/val/c.txt, line 1" in printed.err
    assert printed.out.splitlines()[1].split()[:3] == ["all", "1", "1"]


def test_a_gateway_that_is_not_there_goes_away_or_wants_a_key_ends_it(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(client, "LONGEST_PAUSE_S", 0.001)
    file = write_set(tmp_path, {"a": LABEL})
    with pytest.raises(NotRunningError, match=r"scripts/up\.sh"):
        validate("http://127.0.0.1:9", file)
    gateway = Gateway()
    refusal = httpx.Response(401, json={"error": {"code": "x", "message": "A key."}})
    with answering(lambda request: refusal) as url, pytest.raises(KeyNeededError, match="A key"):
        validate(url, file)

    def gone(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/predict":
            raise ConnectionResetError
        return gateway(request)

    with answering(gone) as url, pytest.raises((NotServingError, OpsError)):
        validate(url, file)


def test_versions_that_share_the_traffic_are_named(tmp_path, capsys):
    gateway = Gateway()
    versions = iter(["1.0", "1.1"])

    def split(request: httpx.Request) -> httpx.Response:
        answer = gateway(request)
        if request.url.path == "/models":
            return answer
        return httpx.Response(200, json={**answer.json(), "model": {"name": "yolo", "version": next(versions)}})

    with answering(split) as url:
        assert validate(url, write_set(tmp_path, {"a": LABEL, "b": LABEL}), "--jobs", "1") == 0
    assert "several versions answered (1.0 1, 1.1 1); --version measures one" in capsys.readouterr().err


def test_other_names_of_classes_are_shown():
    assert differences({0: "person", 1: "bus"}, {0: "person", 1: "bus"}) == []
    assert differences({}, {0: "person"}) == []
    assert "1 is 'bus' and 'car'" in differences({0: "person", 1: "bus"}, {0: "person", 1: "car"})[0]
    assert "labels of the others are ignored" in differences({0: "person"}, {0: "person", 1: "car"})[0]


def test_a_model_that_says_nothing_of_itself_counts_as_a_detector():
    found = choose({"models": [{"name": "m", "versions": [{"version": "1", "default": True}]}]}, None, None)
    assert (found.name, found.task, found.described, dict(found.names)) == ("m", "detect", False, {})
    with pytest.raises(OpsError, match="describes no models"):
        choose({"error": "x"}, None, None)


def test_the_rectangles_are_those_of_batches_by_aspect_ratio(tmp_path):
    frame = Frame(640, 32)
    assert frame.padded_side == 672
    assert rectangle(0.75, 0.75, frame) == (512, 672)
    assert rectangle(1.5, 2.0, frame) == (672, 448)
    assert rectangle(0.5, 2.0, frame) == (672, 672)
    samples = []
    for number in range(17):
        path = tmp_path / f"{number}.jpg"
        Image.new("RGB", (40, 20 + number)).save(path)
        samples.append(sample(name=str(path)))
    arranged, unreadable = arrange(samples, Frame(64, 32))
    assert [framed.shape for framed in arranged] == [(96, 96)] * 17
    assert [framed.sample.path.stem for framed in arranged] == [str(number) for number in range(17)]
    assert unreadable == []
