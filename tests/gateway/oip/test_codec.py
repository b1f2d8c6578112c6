"""The Open Inference Protocol's bytes and JSON, read and written."""

from __future__ import annotations

import base64
import json
import struct
import tracemalloc
from typing import Any

import pytest

from gateway.api.oip.requests import Limits, read_infer
from gateway.errors import ApiError, TooManyFiles
from gateway.oip.messages import join, split, take_data
from gateway.oip.tensors import FORMATS, TensorError, TooManyElementsError, check_shape, flatten, pack, unpack

PICTURE = b"\xff\xd8 not looked at here \0"
B64 = base64.b64encode(PICTURE).decode()


def request(**changed: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [B64]}], **changed}


def read(body: Any, head_length: int | None = None, max_images: int = 4) -> Any:
    return read_infer(
        body if isinstance(body, bytes) else json.dumps(body).encode(), head_length, Limits(max_images, 1000)
    )


@pytest.mark.parametrize("datatype", [name for name in FORMATS if name != "BOOL"])
def test_numbers_come_back_as_they_went(datatype: str) -> None:
    assert unpack(datatype, pack(datatype, [0, 1, 2, 100])) == [0, 1, 2, 100]


def test_bytes_have_their_length_in_four_little_endian_bytes_before_them() -> None:
    assert pack("BYTES", [b"ab", b""]) == b"\x02\0\0\0ab\0\0\0\0"
    assert unpack("BYTES", b"\x02\0\0\0ab\0\0\0\0") == [b"ab", b""]
    assert pack("FP32", [1.0]) == struct.pack("<f", 1.0)
    assert unpack("BOOL", b"\x01\0") == [True, False]


@pytest.mark.parametrize(
    ("datatype", "data"),
    [("BYTES", b"\x02\0\0"), ("BYTES", b"\x09\0\0\0ab"), ("FP32", b"123"), ("BF16", b"12"), ("bytes", b"")],
)
def test_bytes_that_do_not_come_out_even_are_an_error(datatype: str, data: bytes) -> None:
    with pytest.raises(TensorError):
        unpack(datatype, data)


def test_nested_rows_are_flattened_however_deep_they_are() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    assert flatten(deep) == [1]
    assert flatten([[1, 2], [3]]) == [1, 2, 3]
    assert flatten("x") == ["x"]


def test_no_more_elements_are_read_than_are_taken() -> None:
    assert unpack("BYTES", bytes(8), 2) == [b"", b""]
    assert unpack("UINT8", b"ab", 2) == [97, 98]
    assert flatten([[1], [2]], 2) == [1, 2]
    for read in (
        lambda: unpack("BYTES", bytes(12), 2),
        lambda: unpack("UINT8", b"abc", 2),
        lambda: flatten([1, [2, 3]], 2),
    ):
        with pytest.raises(TooManyElementsError):
            read()


def test_megabytes_of_empty_elements_are_refused_at_the_first_one_too_many() -> None:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [2**23], "parameters": {"binary_data_size": 2**25}}
    head = json.dumps(request(inputs=[tensor])).encode()
    body = head + bytes(2**25)
    tracemalloc.start()
    try:
        with pytest.raises(TooManyFiles, match="at most 4"):
            read(body, len(head))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_shape_must_hold_what_there_is() -> None:
    check_shape([2, 1], 2)
    check_shape([], 1)
    for shape in ([2], [-1], [True], ["1"], [1.0]):
        with pytest.raises(TensorError):
            check_shape(shape, 1)


def test_binary_data_is_shared_out_in_the_order_of_the_tensors() -> None:
    head = {
        "outputs": [
            {"name": "a", "parameters": {"binary_data_size": 2}},
            {"name": "b", "data": [[7]]},
            {"name": "c", "parameters": {"binary_data_size": 1}},
        ]
    }
    body, length = join(head, [b"aa", b"c"])
    assert length is not None
    parsed, binary = split(body, length)
    assert parsed == head
    assert [bytes(data) if isinstance(data, memoryview) else data for data in take_data(head["outputs"], binary)] == [
        b"aa",
        [7],
        b"c",
    ]


@pytest.mark.parametrize(
    "element", [B64, {"b64": B64}, f"data:image/jpeg;base64,{B64}"], ids=["base64", "KServe's b64", "data URL"]
)
def test_a_picture_in_json_is_base64_in_any_of_its_forms(element: object) -> None:
    wanted = read(request(inputs=[{"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": [[element]]}]))
    assert wanted.images == [PICTURE]
    assert set(wanted.outputs.values()) == {False}


def test_parameters_are_those_of_predict_whatever_their_json_type() -> None:
    parameters = {"conf": 0.5, "max_det": 3, "agnostic_nms": True, "classes": [0, "bus"], "imgsz": "320", "iou": None}
    of_the_protocol = {"binary_data_output": True, "timeout": 7, "triton_x": 1, "headers": {"a": "b"}}
    wanted = read(request(parameters={**parameters, **of_the_protocol}, id="x"))
    given = wanted.parameters
    assert (given.conf, given.max_det, given.agnostic_nms, given.classes, given.imgsz, given.iou) == (
        0.5,
        3,
        True,
        "0,bus",
        320,
        None,
    )
    assert wanted.id == "x"
    assert set(wanted.outputs.values()) == {True}


def test_each_output_says_for_itself_how_it_wants_to_be_sent() -> None:
    outputs = [{"name": "scores", "parameters": {"binary_data": True}}, {"name": "boxes"}]
    assert read(request(outputs=outputs)).outputs == {"scores": True, "boxes": False}
    wanted = read(request(outputs=outputs, parameters={"binary_data_output": True}))
    assert wanted.outputs == {"scores": True, "boxes": True}


def image(**changed: Any) -> dict[str, Any]:
    return request(inputs=[{**request()["inputs"][0], **changed}])


@pytest.mark.parametrize(
    ("body", "head_length", "code", "says"),
    [
        (b"", None, "invalid_infer_request", "JSON"),
        (b"[]", None, "invalid_infer_request", "not an object"),
        (b'{"inputs": NaN}', None, "invalid_infer_request", "JSON"),
        (b"[" * 200_000, None, "invalid_infer_request", "JSON"),
        (b"{}", 3, "invalid_infer_request", "but the whole body has 2 bytes"),
        ({}, None, "invalid_infer_request", "inputs: Field required"),
        (request(inputs={}), None, "invalid_infer_request", "inputs: Input should be a valid list"),
        (
            request(inputs=request()["inputs"] * 2),
            None,
            "invalid_infer_request",
            "at most 1 item",
        ),
        (image(name="data"), None, "invalid_infer_request", "inputs.0.name: Input should be 'image'"),
        (image(datatype="UINT8"), None, "invalid_infer_request", "not pixels"),
        (image(shape=None), None, "invalid_infer_request", "inputs.0.shape: Input should be a valid list"),
        (image(shape=[2]), None, "invalid_infer_request", "means 2 elements"),
        (image(shape=[2**40]), None, "invalid_infer_request", "not a list of at most 32 sizes"),
        (image(shape=[int("9" * 4000)] * 2), None, "invalid_infer_request", "sizes"),  # its product cannot be printed
        (image(shape=[2] * 5_000), None, "invalid_infer_request", "sizes"),
        (image(shape=[2] * 50_000), None, "invalid_infer_request", "more than"),
        (image(datatype="UINT8", data=[114] * 50_000), None, "invalid_infer_request", "as base64"),
        (image(shape=["x" * 50_000]), None, "invalid_infer_request", "sizes"),
        (image(shape=[0], data=[]), None, "invalid_infer_request", "no images"),
        (image(data=[7]), None, "invalid_infer_request", "element 0"),
        (image(data=["not base64!"]), None, "invalid_base64", "base64"),
        (image(shape=[2], data=[B64, "?"]), None, "invalid_base64", "Image 1: "),
        (image(data=["A" * 2000]), None, "body_too_large", "1000 bytes"),
        (b'{"inputs": [' + b"1" * 5000 + b"]}", None, "invalid_infer_request", "JSON"),
        (image(parameters={"binary_data_size": 4}), None, "invalid_infer_request", "both"),
        (image(parameters={"binary_data_size": -1}, data=[]), None, "invalid_infer_request", "number of bytes"),
        (image(shape=[5], data=[B64] * 5), None, "too_many_files", "at most 4"),
        (
            request(outputs=[{"name": "masks"}]),
            None,
            "invalid_infer_request",
            "outputs.0.name: ",
        ),
        (request(outputs=["boxes"]), None, "invalid_infer_request", "outputs.0: Input should be"),
        (request(parameters=[]), None, "invalid_infer_request", "parameters: Input should be a valid dictionary"),
        (request(parameters={"conf": 7}), None, "invalid_parameter", "conf"),
        (request(parameters={"confidence": 0.5}), None, "invalid_parameter", "known are conf"),
        (request(parameters={"conf": {}}), None, "invalid_parameter", "number"),
        (request(parameters={"classes": [True, None]}), None, "invalid_parameter", "'classes'"),
        (request(parameters={"classes": []}), None, "invalid_parameter", "'classes'"),
        (request(id="x" * 300), None, "invalid_infer_request", "256"),
        (request(id=7), None, "invalid_infer_request", "id: Input should be a valid string"),
        (request(id="\ud800"), None, "invalid_infer_request", "id: "),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(
    body: object, head_length: int | None, code: str, says: str
) -> None:
    with pytest.raises(ApiError) as caught:
        read(body, head_length)
    assert caught.value.code == code
    assert len(caught.value.message) < 1000
    assert says in caught.value.message
