"""What docs/security.md promises of forms, JSON and tensors, held by a real gateway process against hostile bodies.

Whatever is in a body, it keeps no other request waiting, and its memory and CPU time are bounded by its size.
"""

from __future__ import annotations

import base64
import itertools
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import httpx
import pytest

from gateway.main import create_app
from tests.gateway.conftest import SettingsMaker
from tests.gateway.hostile.documents import batch, documents, one, tensor
from tests.gateway.hostile.forms import JPEG, Body, files, forms
from tests.gateway.hostile.requests import INFER, cases, counted_size
from tests.gateway.hostile.sites import SITES
from tests.gateway.hostile.tensors import elements, tensors
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.gateway_process import running_gateway
from tests.gateway.support.watch import Cost, Watch
from tests.support.endpoints import HTTP
from tests.support.hostile import FORMATS, hostile
from tests.support.hostile.promises import BODY_CONSTANT, BODY_COPIES, BODY_S, BODY_S_PER_BYTE, LIVE_S

#: Of a hostile body; a compressed one becomes ten times as large and more.
SIZE = int(os.environ.get("HOSTILE_BYTES", "2000000"))

Running = tuple[str, int]


@pytest.fixture(scope="module")
def gateway(_running: tuple[FakeTorchServe, str]) -> Iterator[Running]:
    _, backend = _running
    with running_gateway(AUTH="off", TORCHSERVE_INFERENCE_URL=backend, TORCHSERVE_MANAGEMENT_URL=backend) as running:
        post(running[0], "/predict", ({"Content-Type": "image/jpeg"}, JPEG))  # what is loaded at the first request
        yield running


def request(method: str, url: str, body: Body) -> httpx.Response:
    headers, content = body
    return HTTP.request(method, url, headers=headers, content=content, timeout=60)


def post(url: str, path: str, body: Body) -> httpx.Response:
    return request("POST", f"{url}{path}", body)


def find_problem(gateway: Running, send: Callable[[], httpx.Response], size: int, pause_s: float = 0.003) -> str:
    """Send a request of ``size`` bytes; say which promise it breaks, "" for none. A machine may be busy, so thrice.

    ``pause_s`` is the time between two looks at the gateway, which take CPU time themselves.
    """
    problem = ""
    for _ in range(3):
        with Watch(*gateway, pause_s) as watch:
            answer = send()
        if answer.status_code >= 500:
            return f"{answer.status_code}: {answer.text[:200]}"
        print(watch.cost)
        problem = beyond(watch.cost, size)
        if not problem:
            break
    return problem


def beyond(cost: Cost, size: int) -> str:
    """Say which promise a request of ``size`` bytes has broken; "" for none."""
    if cost.stall_s > LIVE_S:
        return f"others waited {cost.stall_s:.2f} s"
    if cost.memory > BODY_COPIES * size + BODY_CONSTANT:
        return f"it took {cost.memory / 2**20:.0f} MiB for {size / 2**20:.0f} MiB"
    if cost.cpu_s > BODY_S + BODY_S_PER_BYTE * size:
        return f"it took {cost.cpu_s:.2f} s of CPU time"
    return ""


CASES = cases(SIZE)
#: Routes that take a body and do not read it.
BODY_UNREAD = ("/v1/vision/custom/list",)


@pytest.mark.parametrize("path", CASES)
def test_a_hostile_body_costs_what_its_size_costs(gateway: Running, path: str) -> None:
    url, _ = gateway
    problems = {}
    for name, make in CASES[path].items():
        body = make()
        if problem := find_problem(gateway, partial(post, url, path, body), counted_size(path, body)):
            problems[name] = problem
    assert not problems


def test_every_route_that_takes_a_body_gets_hostile_ones(settings: SettingsMaker) -> None:
    taking = [route for route in create_app(settings()).routes if getattr(route, "methods", set()) - {"GET", "HEAD"}]
    assert taking
    left = set(CASES)
    for route in taking:
        matching = {path for path in CASES if getattr(route, "path_regex").match(path)}  # noqa: B009
        assert matching or getattr(route, "path") in BODY_UNREAD, route  # noqa: B009
        left -= matching
    assert not left


def test_there_are_ten_hostile_ones_of_each_kind() -> None:
    kinds = {"form": forms(1), "document": documents(1, one), "tensor": tensors(1), "site": SITES}
    assert {kind: len(found) for kind, found in kinds.items() if len(found) < 10} == {}
    assert all(len(hostile(kind, 20_000)) >= 10 for kind in FORMATS)


#: How several pictures are sent at once.
SEVERAL: Mapping[str, Callable[[list[bytes]], Body]] = {"/predict/batch": files, INFER: elements}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("path", SEVERAL)
def test_hostile_pictures_keep_nobody_waiting_together(gateway: Running, path: str, kind: str) -> None:
    url, _ = gateway
    body = SEVERAL[path]([data for _, data in hostile(kind, SIZE)])
    assert not find_problem(gateway, partial(post, url, path, body), len(body[1]))


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", INFER])
def test_the_largest_body_keeps_nobody_waiting(gateway: Running, path: str) -> None:
    """An image of MAX_BODY_BYTES as base64, half of it escaped as PHP and .NET do."""
    url, _ = gateway
    image = base64.b64encode(JPEG.ljust(20 * 2**20 - 1000, b"\xff")).replace(b"/", b"\\/", 200_000)[:27_900_000]
    wrap = {"/predict": one, "/predict/batch": batch, INFER: tensor}[path]
    body = wrap(b'"' + image[: len(image) // 4 * 4 - 4] + b'"')
    typed: Body = ({"Content-Type": "application/json"}, body)
    assert not find_problem(gateway, lambda: post(url, path, typed), len(body))


HEADS: Mapping[str, tuple[str, dict[str, str]]] = {
    "a query of many parameters": ("&".join(f"p{number}=1" for number in range(100_000)), {}),
    "as many unknown ones as fit": ("&".join(f"p{number}=1" for number in range(1000)), {}),
    "as many classes as fit": ("&".join(f"classes={number}" for number in range(600)), {}),
    "as many empty ones as fit": ("&" * 8000, {}),
    "a long value": ("conf=" + "1" * 8000, {}),
    "a long header": ("", {"X-Client-Key": "x" * 200_000}),
    "a header of commas": ("", {"Cache-Control": "max-age=1," * 1500}),
    "an Accept of many types": ("", {"Accept": "a/b;q=0.1," * 1500}),
    "many headers": ("", {f"X-{number}": "x" for number in range(5000)}),
    "a coding of many": ("", {"Content-Encoding": "gzip," * 3000}),
    "a long Content-Type": ("", {"Content-Type": "multipart/form-data; " + "a=b;" * 3500}),
    "a Content-Type of quotes": ("", {"Content-Type": 'multipart/form-data; boundary="' + ';"' * 7000}),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_hostile_head_costs_nothing(gateway: Running, name: str) -> None:
    url, _ = gateway
    query, headers = HEADS[name]

    def send() -> httpx.Response:
        try:
            return post(url, f"/predict?{query}", ({"Content-Type": "image/jpeg", **headers}, JPEG))
        except (httpx.HTTPError, httpx.InvalidURL):
            return httpx.Response(400)  # refused while it was still being sent

    assert not find_problem(gateway, send, 0)


def test_on_every_other_route_a_hostile_body_is_not_even_read(gateway: Running) -> None:
    url, _ = gateway
    document = HTTP.get(f"{url}/openapi.json").json()
    hostile = {**forms(500_000), **documents(500_000, one)}
    bodies = itertools.cycle(make() for make in hostile.values())
    routes = [
        (path.replace("{name}", "yolo").replace("{version}", "1.0"), method)
        for path, methods in document["paths"].items()
        for method in methods
    ]
    for address, method in routes:
        if address in CASES and method == "post":
            continue
        body = next(bodies)
        send = partial(request, method, f"{url}{address}", body)
        assert not find_problem(gateway, send, len(body[1])), (method, address)


def test_several_large_documents_at_once_stay_within_the_memory_of_uploads(gateway: Running) -> None:
    """A wide character makes Python keep four bytes for each character of a text: the bodies are never texts."""
    url, _ = gateway
    image = base64.b64encode(bytes(18 * 2**20))
    body = batch(b",".join([b'"' + image + b'"', b'{"name": "\xf0\x9f\x8d\x8b", "image": "AAAA"}']))
    answers: list[httpx.Response] = []

    def send() -> httpx.Response:
        answers.clear()
        threads = [
            threading.Thread(
                target=lambda: answers.append(post(url, "/predict/batch", ({"Content-Type": "application/json"}, body)))
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers[0]

    assert not find_problem(gateway, send, 3 * len(body))
    assert [answer.status_code for answer in answers] == [200] * 3
