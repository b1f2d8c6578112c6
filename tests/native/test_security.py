"""Who reaches the real TorchServe: pages in a real browser, and sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.chromium import PAGE_NAME, REBOUND_NAME, NoChromiumError, launched
from tests.native.checkout import Checkout
from tests.support import cannot_run
from tests.support.answering import answering
from tests.support.endpoints import HTTP

#: What a browser sends without asking first (no preflight), and what it asks for; the page learns no more than this.
ASK = """async ([method, url, type, body]) => {
  const simple = method === "GET" || method === "POST";
  try {
    const answer = await fetch(url, {method, mode: simple ? "no-cors" : "cors", body: body || undefined,
                                     headers: type ? {"Content-Type": type} : {}});
    return answer.status;
  } catch (error) {
    return String(error);
  }
}"""


@pytest.fixture
def page() -> Iterator[object]:
    try:
        with launched(print) as browser:
            # Without the policy that comes with an error, which would stop some of the requests as well.
            yield browser.new_page(bypass_csp=True)
    except NoChromiumError as reason:
        cannot_run(f"native ring: {reason}")


@pytest.fixture
def evil(tmp_path):
    """A folder that TorchServe would run as a model: a download is enough to make one."""
    folder = tmp_path / "evil"
    folder.mkdir(mode=0o755)
    (folder / "handler.py").write_text("def handle(data, context):\n    return ['ran']\n")
    return folder


def models(service: Checkout) -> list[str]:
    return [model["modelName"] for model in HTTP.get(f"{service.management}/models", timeout=30).json()["models"]]


def test_a_page_of_another_origin_can_neither_register_unload_nor_call_a_model(service, page, evil):
    service.wait_ready()
    register = f"/models?url={evil}&model_name=evil&handler=handler.py:handle&initial_workers=0"
    picture = "not a picture"
    asked = [
        ("POST", service.management + register, "text/plain", "x"),
        ("POST", service.management + register, "", ""),
        ("DELETE", f"{service.management}/models/yolo/1.0", "", ""),
        ("PUT", f"{service.management}/models/yolo?min_worker=0&max_worker=0", "", ""),
        ("GET", f"{service.management}/models", "", ""),
        ("POST", f"{service.inference}/predictions/yolo", "text/plain", picture),
        ("POST", f"{service.inference}/models/yolo/invoke", "text/plain", picture),
        ("GET", f"{service.inference}/predictions/yolo", "", ""),
    ]
    statuses: list[tuple[str, int]] = []
    page.on("response", lambda response: statuses.append((response.request.method, response.status)))
    with answering(lambda request: httpx.Response(200, html="<!doctype html><title>a page</title>")) as url:
        page.goto(url.replace("127.0.0.1", PAGE_NAME))
        told = [page.evaluate(ASK, list(one)) for one in asked]
    assert [answer for answer in told if answer != 0 and "TypeError" not in str(answer)] == [], "the page reads nothing"
    sent = [one for one in statuses[1:] if one[0] != "OPTIONS"]
    assert [status for _, status in sent] == [403] * 6, statuses
    assert models(service) == ["yolo"]
    service.wait_ready()
    # The same request of a program would have been carried out: the page was refused for being one.
    done = HTTP.post(service.management + register, timeout=60)
    assert done.status_code == 200, done.text
    assert models(service) == ["evil", "yolo"]
    assert HTTP.delete(f"{service.management}/models/evil", timeout=60).status_code == 200


def test_a_page_whose_name_leads_here_is_refused_on_every_port(service, page, evil):
    service.wait_ready()
    register = f"/models?url={evil}&model_name=evil"
    for base, method, path in (
        (service.management, "POST", register),
        (service.management, "DELETE", "/models/yolo"),
        (service.inference, "POST", "/predictions/yolo"),
        (service.gateway, "POST", "/predict"),
    ):
        answer = page.goto(base.replace("127.0.0.1", REBOUND_NAME))
        assert answer.status in (403, 421), base
        # The page is now of the same origin as the server, as far as the browser knows.
        assert page.evaluate(ASK, [method, path, "text/plain", "x" if method == "POST" else ""]) in (403, 421), base
    assert models(service) == ["yolo"]


def test_each_port_has_its_own_api_only(service):
    service.wait_ready()
    for port, path in (("INFERENCE_PORT", "/models"), ("METRICS_PORT", "/models"), ("MANAGEMENT_PORT", "/ping")):
        for method in ("GET", "POST"):
            answer = HTTP.request(method, f"http://127.0.0.1:{service.ports[port]}{path}?url=yolo.mar", timeout=30)
            assert (answer.status_code, path == "/models" or method == "GET") in (
                (404, True),
                (404, False),
                (405, False),
            )


def test_torchserve_listens_on_sockets_that_only_its_user_reaches(service):
    service.wait_ready()
    (server,) = service.processes("org.pytorch.serve.ModelServer")
    guard = server.parent()
    assert guard.cmdline()[-1] == "entrypoint.py"
    ports = {connection.laddr.port for connection in server.net_connections("tcp") if connection.status == "LISTEN"}
    assert ports == {service.ports["GRPC_INFERENCE_PORT"], service.ports["GRPC_MANAGEMENT_PORT"]}
    listening = {c.laddr for c in guard.net_connections("tcp") if c.status == "LISTEN"}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {address.port for address in listening} == {
        service.ports[f"{api}_PORT"] for api in ("INFERENCE", "MANAGEMENT", "METRICS")
    }
    folder = Path(guard.environ()["TORCHSERVE_RUN_DIR"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stem for path in folder.glob("*.sock")} == {"inference", "management", "metrics"}
