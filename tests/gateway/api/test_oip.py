"""NVIDIA's own HTTP client against a gateway process, and the protocol's details by plain HTTP."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from gateway.model_server.readiness import REUSE_S
from tests.gateway.support.fake_torchserve import STREET, Answer, Asked, FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture
from tests.support import wait_until
from tests.support.endpoints import HTTP

JPEG, PNG = picture("JPEG"), picture("PNG", (30, 20))
B64 = base64.b64encode(JPEG).decode()
NAMES = ["detections", "boxes", "scores", "class_ids", "labels", "image_index", "count", "image_size"]


@pytest.fixture
def client(url: str, fake: FakeTorchServe) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(url.removeprefix("http://"), connection_timeout=20, network_timeout=20)
    wait_until(client.is_server_ready, "no earlier test's fault is remembered")
    yield client
    client.close()


def pictures(*encoded: bytes, binary: bool = True) -> list[Any]:
    given = triton.InferInput("image", [len(encoded)], "BYTES")
    elements = encoded if binary else [base64.b64encode(one) for one in encoded]
    given.set_data_from_numpy(np.array(elements, dtype=np.object_), binary_data=binary)
    return [given]


def post(url: str, body: Any = None, path: str = "/v2/models/yolo/infer", **kwargs: Any) -> httpx.Response:
    content = {"json": body} if body is not None else {}
    return HTTP.post(f"{url}{path}", timeout=20, **content, **kwargs)


def inputs(*elements: object) -> list[dict[str, Any]]:
    return [{"name": "image", "datatype": "BYTES", "shape": [len(elements)], "data": list(elements)}]


def test_the_client_finds_the_server_alive_and_ready_and_reads_its_metadata(
    client: triton.InferenceServerClient,
) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("yolo")
    assert client.is_model_ready("yolo", "1.0")
    assert not client.is_model_ready("yolo", "9")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = client.get_model_metadata("yolo")
    assert metadata["name"] == "yolo"
    assert metadata["versions"] == ["1.0"]
    assert [(one["name"], one["datatype"], one["shape"]) for one in metadata["inputs"]] == [("image", "BYTES", [-1])]
    assert [one["name"] for one in metadata["outputs"]] == NAMES
    assert client.get_model_metadata("yolo", "1.0") == metadata


@pytest.mark.parametrize("model", [("",), ("yolo",), ("yolo", "1.0")])
def test_the_client_is_told_that_no_statistics_are_kept(
    client: triton.InferenceServerClient, model: tuple[str, ...]
) -> None:
    with pytest.raises(InferenceServerException, match=r"statistics are not kept.*GET /models") as caught:
        client.get_inference_statistics(*model)
    assert caught.value.status() == "501"


def test_the_client_is_told_when_no_worker_is_ready(client: triton.InferenceServerClient, fake: FakeTorchServe) -> None:
    fake.workers = {"1.0": ["UNLOADED"]}
    time.sleep(REUSE_S)
    assert client.is_server_live()
    assert not client.is_server_ready()
    assert not client.is_model_ready("yolo")
    assert not client.is_model_ready("yolo", "1.0")


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_the_client_gets_every_output_with_its_type_and_shape(
    client: triton.InferenceServerClient, fake: FakeTorchServe, binary: bool
) -> None:
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in NAMES]
    result = client.infer("yolo", pictures(JPEG, binary=binary), outputs=outputs, request_id="a-7")
    assert fake.predictions[0].body == JPEG
    assert result.get_response()["id"] == "a-7"
    assert result.get_response()["model_name"] == "yolo"
    assert result.get_response()["model_version"] == "1.0"
    boxes = result.as_numpy("boxes")
    assert (boxes.dtype, boxes.shape) == (np.float32, (2, 4))
    np.testing.assert_allclose(boxes[0], [245.31, 184.2, 456.8, 298.1], rtol=1e-6)
    np.testing.assert_allclose(result.as_numpy("scores"), [0.8912, 0.7404], rtol=1e-6)
    assert (result.as_numpy("class_ids").dtype, result.as_numpy("class_ids").tolist()) == (np.int64, [0, 5])
    labels = [one.decode() if isinstance(one, bytes) else one for one in result.as_numpy("labels")]
    assert labels == ["person", "bus"]
    assert result.as_numpy("image_index").tolist() == [0, 0]
    assert result.as_numpy("count").tolist() == [2]
    assert result.as_numpy("image_size").tolist() == [[810, 1080]]
    document = json.loads(result.as_numpy("detections")[0])
    assert document["detections"][0] == {
        "confidence": 0.8912,
        "class": "person",
        "bbox": [245.31, 184.2, 456.8, 298.1],
        "class_id": 0,
    }
    assert document["model"] == {"name": "yolo", "version": "1.0"}


def test_the_client_gets_all_outputs_in_binary_when_it_names_none(client: triton.InferenceServerClient) -> None:
    result = client.infer("yolo", pictures(JPEG))
    assert [one["name"] for one in result.get_response()["outputs"]] == NAMES
    assert result.as_numpy("scores").shape == (2,)


def test_no_detections_are_tensors_without_rows(client: triton.InferenceServerClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "boxes": []}])
    result = client.infer("yolo", pictures(JPEG))
    assert result.as_numpy("boxes").shape == (0, 4)
    assert result.as_numpy("labels").shape == (0,)
    assert result.as_numpy("count").tolist() == [0]


def test_of_several_pictures_each_detection_knows_its_own(
    client: triton.InferenceServerClient, fake: FakeTorchServe
) -> None:
    alone = {**STREET, "boxes": STREET["boxes"][1:], "image": {"width": 30, "height": 20}}
    fake.predict = lambda asked: Answer([alone if asked.body == PNG else STREET])
    result = client.infer("yolo", pictures(JPEG, PNG, JPEG), parameters={"conf": 0.5, "classes": "person,bus"})
    assert result.as_numpy("count").tolist() == [2, 1, 2]
    assert result.as_numpy("image_index").tolist() == [0, 0, 1, 2, 2]
    assert [one.decode() for one in result.as_numpy("labels")] == ["person", "bus", "bus", "person", "bus"]
    assert result.as_numpy("image_size").tolist() == [[810, 1080], [30, 20], [810, 1080]]
    assert [asked.query for asked in fake.predictions] == [{"conf": "0.5", "classes": "person,bus"}] * 3


def test_the_client_can_name_a_version(client: triton.InferenceServerClient, fake: FakeTorchServe) -> None:
    client.infer("yolo", pictures(JPEG), model_version="1.0")
    assert fake.predictions[0].path == "/yolo/1.0/predict"
    with pytest.raises(InferenceServerException, match="version") as caught:
        client.infer("yolo", pictures(JPEG), model_version="9")
    assert caught.value.status() == "404"


def test_the_client_reads_why_it_was_refused(client: triton.InferenceServerClient, fake: FakeTorchServe) -> None:
    def refused(status: str, says: str, *args: Any, **kwargs: Any) -> None:
        with pytest.raises(InferenceServerException, match=says) as caught:
            client.infer(*args, **kwargs)
        assert caught.value.status() == status

    refused("404", "no model 'other'", "other", pictures(JPEG))
    refused(
        "400",
        "outputs.0.name",
        "yolo",
        pictures(JPEG),
        outputs=[triton.InferRequestedOutput("masks")],
    )
    refused("422", "'conf': ", "yolo", pictures(JPEG), parameters={"conf": 7})
    refused("415", "Not an image", "yolo", pictures(b"not an image"))
    refused("415", "Image 1: ", "yolo", pictures(JPEG, b"not an image"))
    refused("422", "at most 32", "yolo", pictures(*[JPEG] * 33))
    refused("413", "Image 1: .* 20971520 bytes", "yolo", pictures(JPEG, bytes(20_971_521)))
    fake.predict = lambda asked: torchserve_error(400, "InvalidImage", "It is cut short.")
    refused("400", "It is cut short", "yolo", pictures(JPEG))
    refused("400", "Image [01]: It is cut short", "yolo", pictures(JPEG, JPEG))
    fake.predict = lambda asked: torchserve_error(503, "ServiceUnavailableException", "full")
    refused("503", "at capacity", "yolo", pictures(JPEG))  # of two, the other one may arrive in the next test


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_the_client_may_compress_its_request(
    client: triton.InferenceServerClient, fake: FakeTorchServe, algorithm: str, binary: bool
) -> None:
    client.infer("yolo", pictures(JPEG, binary=binary), request_compression_algorithm=algorithm)
    assert [asked.body for asked in fake.predictions] == [JPEG]


def test_the_first_error_ends_the_whole_request(url: str, fake: FakeTorchServe) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.body == PNG:
            return torchserve_error(400, "InvalidImage", "It is cut short.")
        return Answer([STREET], delay_s=10)

    fake.predict = answer
    body = {"inputs": inputs(B64, base64.b64encode(PNG).decode(), B64)}
    assert post(url, body).json()["error"] == "Image 1: It is cut short."


def test_an_error_has_the_protocols_body_and_our_fields_beside_it(url: str, fake: FakeTorchServe) -> None:
    response = post(url, {"inputs": []})
    assert response.status_code == 400
    body = response.json()
    assert set(body) == {"error", "status", "code", "request_id"}
    assert (body["status"], body["code"]) == ("error", "invalid_infer_request")
    assert isinstance(body["error"], str)
    assert body["request_id"] == response.headers["x-request-id"]
    # Whoever raises it and wherever.
    unknown = HTTP.get(f"{url}/v2/nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert HTTP.get(f"{url}/v2/models/yolo/infer").json()["code"] == "method_not_allowed"


def test_json_goes_in_and_comes_out_by_default(url: str, fake: FakeTorchServe) -> None:
    response = post(url, {"inputs": inputs({"b64": B64}), "outputs": [{"name": "labels"}, {"name": "scores"}]})
    assert response.headers["content-type"] == "application/json"
    assert "inference-header-content-length" not in response.headers
    assert response.json() == {
        "model_name": "yolo",
        "model_version": "1.0",
        "outputs": [
            {"name": "labels", "datatype": "BYTES", "shape": [2], "data": ["person", "bus"]},
            {"name": "scores", "datatype": "FP32", "shape": [2], "data": [0.8912, 0.7404]},
        ],
    }


def test_a_head_of_no_bytes_means_that_the_body_is_the_picture(url: str, fake: FakeTorchServe) -> None:
    response = post(url, content=JPEG, headers={"Inference-Header-Content-Length": "0"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/octet-stream"
    head = json.loads(response.content[: int(response.headers["inference-header-content-length"])])
    assert [one["name"] for one in head["outputs"]] == NAMES
    assert fake.predictions[0].body == JPEG


@pytest.mark.parametrize("length", ["-1", "x", "²", "1e3", "9" * 12, "9" * 5000])
def test_a_head_length_that_is_none_is_refused(url: str, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length.encode("utf-8")}
    response = post(url, content=b"{}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_infer_request")


def test_the_list_of_models_is_that_of_the_served_one(url: str) -> None:
    assert HTTP.get(f"{url}/v2/models").json() == {"models": ["yolo"]}
