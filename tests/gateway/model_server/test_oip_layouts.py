"""How another server's model is asked, and which layouts of its answer are read as detections."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Detection, Prediction
from gateway.model_server.errors import BackendError
from gateway.model_server.oip.plan import Plan, make_plan
from gateway.model_server.oip.results import read_response
from gateway.oip.messages import join
from gateway.oip.tensors import pack

NAMES = ["person", "bicycle", "car", "motorcycle", "airplane", "bus"]
PERSON = Detection(0.8912, "person", 0, (245.31, 184.2, 456.8, 298.1))
BUS = Detection(0.7404, "bus", 5, (10.0, 20.5, 700.25, 760.0))
EDGES = [*PERSON.bbox, *BUS.bbox]


def tensor(name: str, datatype: str, shape: list[int], data: list[Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


BOXES = tensor("boxes", "FP32", [2, 4], EDGES)
SCORES = tensor("scores", "FP32", [2], [0.8912, 0.7404])
IDS = tensor("class_ids", "INT64", [2], [0, 5])
LABELS = tensor("labels", "BYTES", [2, 1], ["person", "bus"])


def read(*outputs: Any, names: list[str] = NAMES, **parameters: Any) -> Prediction:
    body = json.dumps({"model_name": "m", "model_version": "3", "outputs": outputs}).encode()
    return read_response(body, None, "yolo", Parameters(**parameters), names)


def padded(values: list[float], length: int) -> list[float]:
    return values + [0.0] * (length - len(values))


def document(one: Detection) -> dict[str, Any]:
    return {"confidence": one.confidence, "class": one.class_name, "class_id": one.class_id, "bbox": one.bbox}


@pytest.mark.parametrize(
    "outputs",
    [
        [BOXES, SCORES, IDS],
        [BOXES, SCORES, LABELS],
        [BOXES, SCORES, IDS, LABELS, tensor("image_size", "INT64", [2], [7, 7])],
        [tensor("BOXES", "FP64", [1, 2, 4], [[EDGES[:4], EDGES[4:]]]), SCORES, IDS],
        [BOXES, SCORES, tensor("labels", "INT64", [2], [0, 5])],
        [
            tensor("num_dets", "INT32", [1, 1], [2]),
            tensor("det_boxes", "FP32", [1, 100, 4], padded(EDGES, 400)),
            tensor("det_scores", "FP32", [1, 100], padded([0.8912, 0.7404], 100)),
            tensor("det_classes", "INT32", [1, 100], padded([0, 5], 100)),
        ],
        [
            tensor("detection_boxes", "FP32", [2, 4], EDGES),
            tensor("detection_scores", "FP32", [2], [0.8912, 0.7404]),
            tensor("detection_classes", "FP32", [2], [0.0, 5.0]),
        ],
        [tensor("output0", "FP32", [1, 3, 6], [*BUS.bbox, 0.7404, 5, *PERSON.bbox, 0.8912, 0, *[0.0] * 6])],
        [tensor("detections", "BYTES", [1], [json.dumps({"detections": [document(PERSON), document(BUS)]})])],
    ],
    ids=["ids", "labels", "both", "batch of one", "numbers as labels", "TensorRT", "TensorFlow", "rows", "ours"],
)
def test_these_layouts_are_read(outputs: list[Any]) -> None:
    prediction = read(*outputs)
    assert prediction.detections == [PERSON, BUS]
    assert prediction.model_version == "3"


def test_a_class_without_a_name_is_called_by_its_number_and_a_label_without_a_number_has_none() -> None:
    assert [(one.class_name, one.class_id) for one in read(BOXES, SCORES, IDS, names=["cat"]).detections] == [
        ("cat", 0),
        ("5", 5),
    ]
    assert [one.class_id for one in read(BOXES, SCORES, LABELS, names=[]).detections] == [-1, -1]


def test_no_detections_are_none() -> None:
    none = [tensor("boxes", "FP32", [0, 4], []), tensor("scores", "FP32", [0], []), tensor("classes", "INT64", [0], [])]
    assert read(*none).detections == []
    assert read(tensor("output0", "FP32", [0, 6], [])).detections == []
    assert read(tensor("output0", "FP32", [1, 2, 6], [0.0] * 12)).detections == []


def test_a_binary_answer_is_read_and_its_numbers_have_no_noise() -> None:
    columns = {
        "boxes": ("FP32", [2, 4], EDGES),
        "scores": ("FP32", [2], [0.8912, 0.7404]),
        "classes": ("INT64", [2], [0, 5]),
    }
    binary = [pack(datatype, values) for datatype, _, values in columns.values()]
    outputs = [
        {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
        for (name, (datatype, shape, _)), data in zip(columns.items(), binary, strict=True)
    ]
    body, length = join({"outputs": outputs}, binary)
    prediction = read_response(body, length, "yolo", Parameters(), NAMES)
    assert prediction.detections == [PERSON, BUS]
    assert (prediction.model_name, prediction.model_version) == ("yolo", None)


def test_what_a_server_may_not_know_is_held_to_here() -> None:
    assert read(BOXES, SCORES, IDS, conf=0.8).detections == [PERSON]
    assert read(BOXES, SCORES, IDS, classes="bus,7").detections == [BUS]
    assert read(BOXES, SCORES, IDS, classes="0").detections == [PERSON]
    assert read(BOXES, SCORES, IDS, max_det=1).detections == [PERSON]


def test_classes_are_matched_as_the_worker_does() -> None:
    labels = tensor("labels", "BYTES", [2, 1], ["A", "a"])
    assert [one.class_name for one in read(BOXES, SCORES, labels, names=[], classes="A").detections] == ["A"]
    assert [one.class_name for one in read(BOXES, SCORES, labels, names=["A", "a"], classes="a").detections] == ["a"]
    assert read(BOXES, SCORES, IDS, classes="Bus").detections == [BUS]
    assert read(BOXES, SCORES, IDS, classes='["bus","x, y"]').detections == [BUS]


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [BOXES],
        [BOXES, SCORES],
        [SCORES, IDS],
        [tensor("output0", "FP32", [1, 84, 2], [0.0] * 168)],
        [tensor("output0", "FP32", [2, 1, 6], [0.0] * 12)],
        [tensor("boxes", "FP32", [8], EDGES), SCORES, IDS],
        [tensor("boxes", "FP32", [1, 4], EDGES), SCORES, IDS],
        [BOXES, SCORES, tensor("class_ids", "INT64", [1], [0])],
        [BOXES, tensor("scores", "FP32", [2], ["high", "low"]), IDS],
        [BOXES, tensor("scores", "FP32", [2], [None, 1]), IDS],
        [BOXES, tensor("scores", "FP32", [2], [1e999, 1]), IDS],
        [BOXES, SCORES, tensor("labels", "BYTES", [2], ["person", 5])],
        [tensor("detections", "BYTES", [2], ["{}", "{}"])],
        [tensor("detections", "BYTES", [1], ["{}"])],
        [tensor("detections", "BYTES", [1], ['{"detections": [{"confidence": NaN}]}'])],
        [tensor("detections", "BYTES", [1], ["!"], parameters={"content_type": "base64"})],
        ["boxes"],
        7,
    ],
)
def test_what_is_no_such_layout_is_a_backend_error(outputs: Any) -> None:
    body = json.dumps({"outputs": outputs}).encode()
    with pytest.raises(BackendError):
        read_response(body, None, "yolo", Parameters(), NAMES)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"{}", b'{"outputs": ' + b"[" * 100_000])
def test_what_is_no_answer_at_all_is_a_backend_error(body: bytes) -> None:
    with pytest.raises(BackendError):
        read_response(body, None, "yolo", Parameters(), NAMES)


TRITON = {"name": "triton", "version": "2.73.0", "extensions": ["classification", "binary_tensor_data"]}
MLSERVER = {"name": "mlserver", "version": "1.7.1", "extensions": []}
KSERVE = {"name": "kserve", "version": "0.21.0", "extensions": ["model_repository_extension"]}
OPENVINO = {"name": "OpenVINO Model Server", "version": "2026.4"}
MODEL: dict[str, Any] = {
    "name": "yolo",
    "versions": ["1", "2"],
    "inputs": [{"name": "raw", "datatype": "BYTES", "shape": [-1, 1]}],
    "outputs": [{"name": "boxes", "datatype": "FP32", "shape": [-1, 4]}],
}


@pytest.mark.parametrize(
    ("server", "encoding", "binary"),
    [
        (TRITON, "auto", True),
        (OPENVINO, "auto", True),
        (MLSERVER, "auto", False),
        (KSERVE, "auto", False),
        (None, "auto", False),
        ("?", "auto", False),
        (TRITON, "json", False),
        (MLSERVER, "binary", True),
    ],
)
def test_pictures_go_as_binary_data_where_the_server_reads_it(server: Any, encoding: Any, binary: bool) -> None:
    plan = make_plan(server, MODEL, encoding)
    body, length = plan.request(b"\xff\xd8", Parameters(conf=0.5, agnostic_nms=True), "id-1")
    head = json.loads(body if length is None else body[:length])
    assert head["id"] == "id-1"
    assert (head["inputs"][0]["name"], head["inputs"][0]["shape"]) == ("raw", [1, 1])
    assert head["parameters"].get("binary_data_output", False) is binary
    assert (head["parameters"]["conf"], head["parameters"]["agnostic_nms"]) == (0.5, True)
    assert "outputs" not in head
    if binary:
        assert body[length:] == b"\x02\0\0\0\xff\xd8"
    else:
        assert (head["inputs"][0]["data"], length) == (["/9g="], None)


def test_a_model_that_tells_nothing_gets_one_picture_named_image() -> None:
    for model in ({}, {"inputs": None, "outputs": None, "versions": None}, {"inputs": [], "outputs": []}):
        assert make_plan(None, model, "auto") == Plan(binary=False, versions=[], details={})


def test_of_a_gateway_only_the_one_output_that_has_everything_is_asked_for() -> None:
    outputs = [{"name": "detections", "datatype": "BYTES"}, {"name": "boxes", "datatype": "FP32"}]
    plan = make_plan(TRITON, {**MODEL, "outputs": outputs}, "auto")
    body, length = plan.request(b"x", Parameters(), "i")
    assert json.loads(body[:length])["outputs"] == [{"name": "detections", "parameters": {"binary_data": True}}]


@pytest.mark.parametrize(
    "model",
    [
        None,
        [],
        {"inputs": [{"name": "images", "datatype": "FP32", "shape": [1, 3, 640, 640]}]},
        {"inputs": [MODEL["inputs"][0], {"name": "threshold", "datatype": "FP32"}]},
        {"inputs": [{"datatype": "BYTES"}]},
        {"inputs": "images"},
        {"outputs": [7]},
    ],
)
def test_a_model_that_takes_no_encoded_picture_is_a_backend_error(model: Any) -> None:
    with pytest.raises(BackendError):
        make_plan(None, model, "auto")
