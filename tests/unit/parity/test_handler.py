"""The handler as TorchServe's worker uses it, with a real archive and TorchServe's own context."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yolo_handler
from tests.support import ROOT
from tests.unit.parity.conftest import Served
from tests.unit.parity.families import CLASSIFY, DETECT, OBB, POSE, SEGMENT, Family
from yolo import cpus, defaults, logs, parameters
from yolo.errors import ArchiveError
from yolo.pipeline import Outcome, Request
from yolo_handler import YoloHandler

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # torchserve reads its version file without closing it
    from ts.context import Context, RequestProcessor
    from ts.utils.util import list_classes_from_module

Call = Callable[..., list[tuple[int, Any]]]


@pytest.fixture(scope="module")
def served(family: Callable[..., Served]) -> Served:
    return family(DETECT[0])


@pytest.fixture(scope="module")
def context(served: Served) -> Context:
    return Context("yolo", str(served.folder), {}, 4, None, "0.12.0")


@contextmanager
def working(context: Context, cache: Path) -> Iterator[YoloHandler]:
    """The handler as a worker has it, ready for pictures."""
    made = YoloHandler()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MODEL_CACHE_DIR", str(cache))
        environment.setenv("MAX_IMAGE_PIXELS", "3000000")
        made.initialize(context)
    try:
        yield made
    finally:
        made.pipeline.close()
        logging.getLogger().removeFilter(logs.is_kept)


def hand(
    handler: YoloHandler, context: Context, *items: dict[str, Any], headers: list[dict[str, str]] | None = None
) -> list[tuple[int, Any]]:
    """Hand a batch to the handler, and return (status, parsed body) per item."""
    context.request_ids = {index: f"ts-{index}" for index in range(len(items))}
    context.request_processor = [
        RequestProcessor(dict(headers[index]) if headers else {}) for index in range(len(items))
    ]
    bodies = handler.handle(list(items), context)
    assert len(bodies) == len(items)
    for index, body in enumerate(bodies):
        assert isinstance(body, bytes)
        assert b": " not in body.split(b'"message"')[0], "the body is compact"
        assert context.get_response_content_type(index) == "application/json"
    return [(context.get_response_status(index)[0], json.loads(body)) for index, body in enumerate(bodies)]


@pytest.fixture(scope="module")
def handler(context: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[YoloHandler]:
    with working(context, tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture
def call(handler: YoloHandler, context: Context) -> Call:
    """Return `hand` for the handler of the detection model."""
    return partial(hand, handler, context)


def test_one_bad_image_in_a_batch_of_three_gives_200_400_200(call: Call, street: Path) -> None:
    picture = {"body": bytearray(street.read_bytes())}
    (first, body), (second, error), (third, again) = call(picture, {"body": b"no picture"}, picture)
    assert (first, second, third) == (200, 400, 200)
    assert body[0]["boxes"] == again[0]["boxes"]
    assert error["code"] == 400
    assert error["type"] == "InvalidImage"
    assert error["message"]


def test_the_stages_of_an_image_whose_trace_is_recorded_are_a_header_of_its_answer(
    call: Call, context: Context, street: Path
) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    headers = [{"Traceparent": f"00-{trace}-{span}-01"}, {"traceparent": f"00-{trace}-{span}-00"}, {}]
    picture = {"body": bytearray(street.read_bytes())}
    call(picture, picture, picture, headers=headers)
    told = [context.get_response_headers(index).get("X-Trace-Stages") for index in range(3)]
    assert told[1:] == [None, None]
    names, begins, durations = zip(*(part.split(";") for part in told[0].split(", ")), strict=True)
    assert names == ("handle", "decode", "letterbox", "infer", "nms")
    times = [(int(begin), int(begin) + int(took)) for begin, took in zip(begins, durations, strict=True)]
    assert all(times[0][0] <= begin <= end <= times[0][1] for begin, end in times)
    assert times[1:] == sorted(times[1:])


def test_the_answer_has_the_keys_of_the_contract(call: Call, street: Path) -> None:
    ((status, body),) = call({"data": street.read_bytes(), "conf": "0.1"})
    assert status == 200
    (entry,) = body
    assert list(entry) == ["boxes", "task", "image", "model", "timings_ms"]
    assert entry["task"] == "detect"
    assert entry["image"] == {"width": 810, "height": 1080}
    assert entry["model"] == {"name": "yolo", "version": "1.0"}
    assert list(entry["timings_ms"]) == ["decode", "letterbox", "infer", "nms", "total"]
    assert entry["boxes"]
    for box in entry["boxes"]:
        assert list(box) == ["xyxy", "conf", "cls", "name"]
    scores = [box["conf"] for box in entry["boxes"]]
    assert scores == sorted(scores, reverse=True)


def numbers(value: Any) -> Iterator[float]:
    """Every number of a parsed answer, however deep."""
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from numbers(inner)


# What one picture's answer holds beside its boxes, and the keys of an entry where that is an object.
TASKS = {
    "segment": ("masks", None),
    "pose": ("keypoints", None),
    "obb": ("obb", {"xyxyxyxy", "xywhr"}),
    "classify": ("probs", {"cls", "name", "conf"}),
}


@pytest.mark.parametrize("member", SEGMENT + POSE + OBB + CLASSIFY, ids=str)
def test_every_task_is_answered_in_json_with_its_own_keys_whatever_it_is_batched_with(
    member: Family, family: Callable[..., Served], street: Path, tmp_path: Path
) -> None:
    served, data, fields = family(member), street.read_bytes(), {"conf": "0.1"}
    context = Context("yolo", str(served.folder), {}, 3, None, "0.12.0")
    with working(context, tmp_path) as handler:
        (first, body), (second, error), (third, again) = hand(
            handler, context, {"body": data, **fields}, {"body": b"no picture"}, {"data": bytearray(data), **fields}
        )
        (outcome,) = handler.pipeline.run([Request(data, parameters.parse(fields, served.model))])
    assert (first, second, third) == (200, 400, 200)
    assert error["type"] == "InvalidImage"
    (entry,), (other,) = body, again
    assert entry["task"] == served.model.task
    name, keys = TASKS[served.model.task]
    assert list(entry) == ["boxes", name, "task", "image", "model", "timings_ms"]
    for answered in (entry, other):
        assert {"boxes": answered["boxes"], name: answered[name]} == outcome.answer
    assert len(entry[name]) == (5 if name == "probs" else len(entry["boxes"]))
    assert len(entry[name]) >= 3, "too few to have looked at anything"
    for found in entry[name]:
        assert keys is None or set(found) == keys
    # Not in each: a mask of single pixels has no outline.
    assert list(numbers(entry[name])), "no entry with a number"


def test_a_batch_gives_each_picture_what_it_gets_alone_with_its_own_parameters(call: Call, assets: list[Path]) -> None:
    items = [
        {"body": assets[0].read_bytes(), "conf": b"0.1"},
        {"file": assets[1].read_bytes(), "conf": "0.1", "max_det": "3"},
        {"body": assets[0].read_bytes(), "conf": "0.1", "imgsz": "224", "agnostic_nms": "true"},
        {"body": assets[1].read_bytes(), "conf": "0.05", "classes": "1,2,3,4,5,6,7"},
    ]
    together = [body[0]["boxes"] for _, body in call(*items)]
    alone = [call(item)[0][1][0]["boxes"] for item in items]
    assert together == alone
    assert len(together[1]) == 3
    assert all(together[:3])


@pytest.mark.parametrize(
    ("item", "status", "kind"),
    [
        ({}, 400, "MissingImage"),
        ({"conf": "0.5"}, 400, "MissingImage"),
        ({"body": b""}, 400, "InvalidImage"),
        ({"body": "text"}, 400, "InvalidImage"),
        ({"body": {"json": 1}}, 400, "InvalidImage"),
        ({"body": b"%PDF-1.7"}, 415, "UnsupportedImage"),
        ({"body": b"P6 3000 1001 255\n"}, 413, "ImageTooLarge"),
        ({"conf": "2"}, 400, "InvalidParameter"),
        ({"classes": "unicorn"}, 400, "InvalidParameter"),
        ({"max_det": "0"}, 400, "InvalidParameter"),
    ],
    ids=str,
)
def test_every_mistake_has_its_status_and_type(
    call: Call, street: Path, item: dict[str, Any], status: int, kind: str
) -> None:
    if kind == "InvalidParameter":
        item = {**item, "body": street.read_bytes()}
    ((found, body),) = call(item)
    assert (found, body["code"], body["type"]) == (status, status, kind)


def test_a_truncated_picture_is_a_400(call: Call, street: Path) -> None:
    data = street.read_bytes()
    ((status, body),) = call({"body": data[: len(data) // 2]})
    assert (status, body["type"]) == (400, "InvalidImage")


def test_the_log_has_one_line_per_picture_with_the_id_of_its_request(
    call: Call, street: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=logs.NAME):
        call({"body": street.read_bytes()}, {"body": b"x"}, headers=[{"x-request-id": "mine"}, {}])
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == logs.NAME]
    assert [(line["request_id"], line["status"]) for line in lines] == [("mine", 200), ("ts-1", 400)]


def test_an_unexpected_failure_is_a_500_of_its_own_and_tells_nothing(
    handler: YoloHandler, call: Call, street: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Once:
        """An engine whose second inference fails."""

        grouped, count = False, 0

        def infer(self, batch: Any) -> Any:
            self.count += 1
            if self.count == 2:
                raise RuntimeError("/secret/path")
            return engine.infer(batch)

    engine = handler.pipeline.engine
    handler.pipeline.engine = Once()  # type: ignore[assignment]
    try:
        answers = call(*[{"body": street.read_bytes()}] * 3)
    finally:
        handler.pipeline.engine = engine
    assert [status for status, _ in answers] == [200, 500, 200]
    assert answers[1][1] == {"code": 500, "type": "InternalError", "message": "The image could not be processed"}
    assert any(record.exc_info for record in caplog.records)


def test_a_model_that_answers_infinities_is_a_500_and_no_invalid_json(
    handler: YoloHandler, call: Call, street: Path
) -> None:
    class Infinite:
        grouped = False

        def infer(self, batch: Any) -> Any:
            output = engine.infer(batch)[0].copy()
            output[:, :4] = float("nan")
            return [output]

    engine = handler.pipeline.engine
    handler.pipeline.engine = Infinite()  # type: ignore[assignment]
    try:
        ((status, _),) = call({"body": street.read_bytes(), "conf": "0.1"})
    finally:
        handler.pipeline.engine = engine
    assert status == 500


def test_an_answer_that_json_cannot_hold_is_a_500_of_its_own(
    handler: YoloHandler, call: Call, street: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = handler.pipeline

    class Careless:
        """A pipeline that leaves a number of NumPy's in its second answer."""

        def run(self, requests: list[Request]) -> list[Outcome]:
            outcomes = pipeline.run(requests)
            outcomes[1].answer = {**(outcomes[1].answer or {}), "extra": np.float32(0.5)}
            return outcomes

    handler.pipeline = Careless()  # type: ignore[assignment]
    try:
        answers = call(*[{"body": street.read_bytes()}] * 3)
    finally:
        handler.pipeline = pipeline
    assert [status for status, _ in answers] == [200, 500, 200]
    assert answers[1][1]["type"] == "InternalError"
    assert any(record.exc_info for record in caplog.records)


def test_describe_tells_engine_workers_and_threads(handler: YoloHandler, context: Context) -> None:
    context.request_ids = {0: "describe"}
    context.request_processor = [RequestProcessor({"describe": "True"})]
    (found,) = handler.handle([{}], context)
    assert found["engine"] == "openvino"
    assert cpus.Plan(found["cpus"], found["workers"], found["threads"]) == cpus.plan(cpus=found["cpus"])
    assert found["names"]["0"]
    json.dumps(found)


def test_the_models_own_settings_are_the_defaults_of_its_requests_and_nothing_more(
    served: Served, tmp_path: Path, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"conf": 0.6, "iou": 0.4, "max_det": 1, "imgsz": 200, "precision": "auto", "workers": 1}
    monkeypatch.setenv("MODEL_SETTINGS", json.dumps({"helmets": given}))
    body = {"body": street.read_bytes()}
    answers = {}
    for name in ("helmets", "yolo"):
        context = Context(name, str(served.folder), {}, 4, None, "0.12.0")
        with working(context, tmp_path) as handler:
            answers[name] = hand(handler, context, body, body | {"max_det": b"2", "conf": b"0.05"})
            context.request_processor = [RequestProcessor({"describe": "True"})]
            (described,) = handler.handle([{"body": b""}], context)
            if name == "helmets":
                assert described["thresholds"] == {"conf": 0.6, "iou": 0.4, "max_det": 1}
                assert (described["imgsz"], described["workers"]) == ([224, 224], 1)
            else:
                assert described["thresholds"] == {"conf": 0.25, "iou": 0.7, "max_det": 300}
                assert described["imgsz"] == [320, 320]
    counts = {name: [len(one["boxes"]) for _, (one,) in found] for name, found in answers.items()}
    assert counts["helmets"] == [1, 2]
    assert counts["yolo"][0] > 1


def test_settings_that_are_not_what_the_server_writes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("[", "[]", '{"yolo": 5}'):
        with pytest.raises(ArchiveError, match="MODEL_SETTINGS"):
            defaults.read({"MODEL_SETTINGS": text}, "yolo")
    assert defaults.read({"MODEL_SETTINGS": ""}, "yolo") == defaults.read({}, "yolo") == {}


def test_the_handler_file_defines_exactly_one_class() -> None:
    assert list_classes_from_module(yolo_handler) == [YoloHandler]


def test_serving_imports_neither_ultralytics_nor_torch_nor_torchserve(served: Served) -> None:
    code = f"""
import sys
import warnings
from types import SimpleNamespace
from yolo_handler import YoloHandler
YoloHandler().initialize(SimpleNamespace(system_properties={{"model_dir": {str(served.folder)!r}}}, model_name="yolo"))
print([name for name in ("ultralytics", "torchvision", "torch", "ts") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "serving" / "torchserve",
        env={**os.environ, "PYTHONPATH": str(ROOT / "common")},  # an archive has its own copies
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_compiled_model_is_kept_for_the_next_start(handler: YoloHandler, tmp_path: Path, served: Served) -> None:
    from yolo.engines.openvino import OpenVinoEngine

    model = served.folder / served.model.engines["openvino"]
    OpenVinoEngine(model, 2, tmp_path)
    kept = list(tmp_path.iterdir())
    assert kept
    OpenVinoEngine(model, 2, tmp_path)
    assert list(tmp_path.iterdir()) == kept
