"""Forms and JSON from a grammar with a fixed seed, against a real gateway process: no crash, 5xx, stall or growth.

It runs for FUZZ_SECONDS from FUZZ_SEED on (docs/security.md). A failure is shrunk by hypothesis and printed with the
seed of its round.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.gateway.hostile.forms import JPEG, Body
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.gateway_process import running_gateway
from tests.gateway.support.watch import Watch

SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("FUZZ_SEED", "20261129"))
#: Requests of one round, after which the cost of all of them is looked at.
ROUND = 40
#: For all requests of a round together, which are small: stall and memory of one that is not.
MOST_STALL_S, MOST_MEMORY = 0.1, 32 * 2**20

TEXT = base64.b64encode(JPEG)
PATHS = ("/predict", "/predict/batch", "/v1/vision/detection", "/v2/models/yolo/infer")

#: Pieces that mean something to a parser of forms.
_TOKENS = st.sampled_from(
    [
        *(b"\r\n", b"\r", b"\n", b"--", b"-", b"--b", b"--b--", b"\r\n--b", b"\r\n--b\r\n", b"\r\n--b--", b"\r\n\r\n"),
        *(b'"', b"\\", b";", b"=", b":", b"*", b"'", b"''", b"%", b"\0", b" ", b"\t", b"\xff", b"b", JPEG, TEXT),
        *(b"Content-Disposition: form-data", b"Content-Type: text/plain", b"Content-Transfer-Encoding: base64"),
        *(b"; name=", b"; filename=", b"; filename*=", b"; charset=", b"UTF-8''", b"punycode", b"_charset_"),
        *(b"file", b"files", b"image", b"conf", b"classes", b"classes[]", b"0.5", b"person", b"image/jpeg"),
    ]
)
_BLOB = st.lists(_TOKENS | st.binary(max_size=8), max_size=12).map(b"".join)
_NAME = st.sampled_from([b"file", b"files", b"image", b"conf", b"classes", b"format", b"_charset_", b""]) | _BLOB
_VALUE = st.sampled_from([JPEG, JPEG[:100], TEXT, b"", b"0.5", b"0,5", b"utf-8", b"cp037"]) | _BLOB
_CHARSET = st.sampled_from([b"", b"; charset=utf-8", b"; charset=idna", b'; charset="x', b"; charset=\xff"])


@st.composite
def _parts(draw: st.DrawFn) -> bytes:
    head = b'Content-Disposition: form-data; name="' + draw(_NAME) + b'"'
    head += draw(st.sampled_from([b"", b'; filename="a.jpg"', b'; filename=""', b"; filename*=UTF-8''a", b"; x"]))
    if draw(st.booleans()):
        head += b"\r\nContent-Type: " + draw(st.sampled_from([b"image/jpeg", b"text/plain", b""])) + draw(_CHARSET)
    if draw(st.integers(0, 5)) == 0:
        head += b"\r\n" + draw(_BLOB)
    return b"--b" + draw(st.sampled_from([b"", b"", b"", b" ", b"x"])) + b"\r\n" + head + b"\r\n\r\n" + draw(_VALUE)


@st.composite
def _forms(draw: st.DrawFn) -> Body:
    body = b"\r\n".join(draw(st.lists(_parts(), max_size=5)))
    body += draw(st.sampled_from([b"\r\n--b--\r\n", b"\r\n--b--", b"", b"\r\n--b\r\n"]))
    if draw(st.integers(0, 3)) == 0:  # cut, or with something put in
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(_BLOB) + draw(st.sampled_from([body[at:], b""]))
    return {"Content-Type": "multipart/form-data; boundary=b" + draw(_CHARSET).decode("latin-1")}, body


_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([TEXT.decode()] * 3)
)
_TEXTS = st.sampled_from(
    [TEXT.decode(), TEXT.decode() * 40, f"data:image/jpeg;base64,{TEXT.decode()}", "https://example.com/a.jpg", ""]
)
_KEYS = st.sampled_from(
    ["image", "images", "url", "name", "conf", "classes", "format", "inputs", "data", "shape", "datatype", "b64", "id"]
)
_VALUES = st.recursive(
    _SCALARS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
_INPUT = st.fixed_dictionaries(
    {"name": st.just("image"), "datatype": st.just("BYTES"), "shape": st.just([1]) | _VALUES, "data": _VALUES}
)
_DOCUMENTS = (
    st.dictionaries(_KEYS, _VALUES, max_size=5)
    | st.fixed_dictionaries({"image": _TEXTS}, optional={"conf": _SCALARS, "classes": _VALUES})
    | st.fixed_dictionaries({"images": st.lists(_TEXTS | _VALUES, max_size=4)})
    | st.fixed_dictionaries({"inputs": st.lists(_INPUT, max_size=2)}, optional={"parameters": _VALUES, "id": _VALUES})
)


@st.composite
def _json(draw: st.DrawFn) -> Body:
    body = json.dumps(draw(_DOCUMENTS)).encode()
    match draw(st.integers(0, 5)):
        case 0:
            at = draw(st.integers(0, len(body)))
            body = (
                body[:at] + draw(st.sampled_from([b"", b'"', b"\\", b",", b"[", b"{", b"\xf0\x9f\x8d\x8b"])) + body[at:]
            )
        case 1:
            body = body[: draw(st.integers(0, len(body)))]
        case 2:
            body = body.replace(b"/", b"\\/").replace(b"+", b"\\u002B")
    headers = {"Content-Type": "application/json" + draw(_CHARSET).decode("latin-1")}
    if draw(st.integers(0, 4)) == 0:
        headers["Inference-Header-Content-Length"] = str(draw(st.integers(0, len(body) + 9)))
        body += draw(_BLOB)
    return headers, body


@pytest.fixture(scope="module")
def gateway(_running: tuple[FakeTorchServe, str]) -> Iterator[tuple[str, int]]:
    _, backend = _running
    with running_gateway(AUTH="off", TORCHSERVE_INFERENCE_URL=backend, TORCHSERVE_MANAGEMENT_URL=backend) as running:
        yield running


def test_nothing_is_found_for_as_long_as_is_asked(gateway: tuple[str, int]) -> None:
    url, _ = gateway
    until = time.monotonic() + SECONDS
    number = 0
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        while number == 0 or time.monotonic() < until:
            round_seed = SEED + number
            stalled = []
            for _ in range(3):  # a machine may be busy
                with Watch(*gateway) as watch:
                    _round(client, round_seed)()
                stalled.append((watch.cost.stall_s, watch.cost.memory))
                if watch.cost.stall_s <= MOST_STALL_S and watch.cost.memory <= MOST_MEMORY:
                    break
            else:
                pytest.fail(f"the round of seed {round_seed} kept others waiting or took memory: {stalled}")
            number += 1
    print(f"{number * ROUND} requests from seed {SEED} on")


def _round(client: httpx.Client, round_seed: int) -> Callable[[], None]:
    @seed(round_seed)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(path=st.sampled_from(PATHS), body=_forms() | _json())
    def send(path: str, body: Body) -> None:
        headers, content = body
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = client.post(path, headers=encoded, content=content)
        assert answer.status_code < 500, (answer.text, round_seed)
        assert answer.headers["content-type"].partition(";")[0] in ("application/json", "image/jpeg")
        assert "Traceback" not in answer.text

    return send
