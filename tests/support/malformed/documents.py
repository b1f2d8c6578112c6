"""JSON bodies that are none, or not what is expected: for /predict and for the Open Inference Protocol."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator

from tests.support.malformed.pictures import encoded
from tests.support.malformed.upload import Upload

_INFER = "/v2/models/yolo/infer"


def broken(rng: random.Random, count: int) -> Iterator[Upload]:
    """Make so many: each known way once, then good documents that were cut."""
    good = base64.b64encode(encoded("PNG", (16, 16))).decode()
    known = [*(("/predict", *way) for way in _known(good)), *((_INFER, *way) for way in _inferences(good))]
    for path, name, body in known:
        yield Upload(f"JSON: {name}", body, b"application/json", path)
    for number in range(count - len(known)):
        path = rng.choice(("/predict", _INFER))
        whole = json.dumps({"image": good} if path == "/predict" else _tensor(good)).encode()
        yield Upload(f"JSON: cut {number}", whole[: rng.randrange(len(whole))], b"application/json", path)


def _known(good: str) -> Iterator[tuple[str, bytes]]:
    sound = json.dumps({"image": good})
    yield "nothing", b""
    yield "no JSON", b"hello"
    yield "a number", b"7"
    yield "null", b"null"
    yield "a list", json.dumps([good]).encode()
    yield "an empty object", b"{}"
    yield "another key", json.dumps({"picture": good}).encode()
    yield "picture and address", json.dumps({"image": good, "url": "https://a.example/p.jpg"}).encode()
    yield "an address that is not allowed", json.dumps({"url": "http://169.254.169.254/latest"}).encode()
    yield "the picture twice", f'{{"image": "{good}", "image": "{good}"}}'.encode()
    yield "a number as picture", b'{"image": 7}'
    yield "a picture of half a surrogate pair", b'{"image": "\\ud800"}'
    yield "a key of half a surrogate pair", f'{{"image": "{good}", "\\ud800": 1}}'.encode()
    yield "a class of half a surrogate pair", f'{{"image": "{good}", "classes": "\\ud800"}}'.encode()
    yield "base64 with a blank", json.dumps({"image": f"{good[:40]} {good[40:]}"}).encode()
    yield "base64 cut", json.dumps({"image": good[:-3]}).encode()
    yield "base64 of the other alphabet", json.dumps({"image": f"__{good[2:]}"}).encode()
    yield "a data: URL without base64", json.dumps({"image": "data:image/png,%89PNG"}).encode()
    yield "a data: URL without a comma", json.dumps({"image": "data:image/png;base64"}).encode()
    yield "NaN", f'{{"image": "{good}", "conf": NaN}}'.encode()
    yield "a number beyond all bounds", f'{{"image": "{good}", "conf": 1e999}}'.encode()
    yield "a number of 5000 digits", f'{{"image": "{good}", "max_det": {"9" * 5000}}}'.encode()
    yield "an object as a parameter", json.dumps({"image": good, "conf": {"a": 1}}).encode()
    yield "lists 100 000 deep", b"[" * 100_000
    yield "lists 500 deep as a parameter", f'{{"image": "{good}", "conf": {"[" * 500}{"]" * 500}}}'.encode()
    yield "bytes that are no text", sound.encode().replace(b"image", b"im\xffge")
    yield "a comma too many", sound.replace("}", ",}").encode()
    yield "something behind it", f"{sound} {sound}".encode()


def _tensor(good: str) -> dict[str, list[dict[str, object]]]:
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [good]}]}


def _inferences(good: str) -> Iterator[tuple[str, bytes]]:
    sound = json.dumps(_tensor(good))
    yield "an inference without inputs", b"{}"
    yield "an inference with two inputs", sound.replace("}]", "}, {}]").encode()
    yield "a tensor of pixels", sound.replace("BYTES", "UINT8").encode()
    yield "a shape of other sizes", sound.replace("[1]", "[1, 2, 3]").encode()
    yield "a shape of 20 000 sizes", sound.replace("[1]", str([2] * 20_000)).encode()
    yield "a shape of 4000 digits", sound.replace("[1]", f"[{'9' * 4000}, {'9' * 4000}]").encode()
    yield "a shape of text", sound.replace("[1]", '["1"]').encode()
    yield "a datatype 900 lists deep", sound.replace('"BYTES"', "[" * 900 + "]" * 900).encode()
    yield "data 900 lists deep", sound.replace(f'"{good}"', "[" * 900 + "]" * 900).encode()
    yield "an output that there is not", sound.replace('{"inputs"', '{"outputs": [{"name": "x"}], "inputs"').encode()
    yield (
        "binary data that did not come",
        sound.replace('"data"', '"parameters": {"binary_data_size": 9}, "d"').encode(),
    )
