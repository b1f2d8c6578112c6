"""TLS through the real Caddy with the project's Caddyfile, in front of a real gateway process."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.gateway.conftest import Start
from tests.gateway.support.auth import add_key
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, street
from tests.gateway.support.gateway_process import Gateway
from tests.gateway.support.pictures import picture
from tests.support import documents, wait_until
from tests.support.caddy import CADDYFILE, Edge, caddy

JPEG = picture("JPEG")
NAME = "yolo.localhost"
MOST = 100_000


@pytest.fixture
def gateway(start: Start) -> Gateway:
    return start(FORWARDED_ALLOW_IPS="127.0.0.1")


@pytest.fixture
def edge(gateway: Gateway, tmp_path: Path) -> Iterator[Edge]:
    upstream = gateway.url().removeprefix("http://")
    with caddy(tmp_path, NAME, upstream, MAX_BODY_BYTES=str(MOST), MAX_BATCH_BYTES=str(3 * MOST)) as running:
        yield running


def access_line(gateway: Gateway) -> dict[str, object]:
    while (line := gateway.line())["logger"] != "gateway.access":
        pass
    return line


def test_detections_come_over_verified_tls_and_http_2_with_hsts_and_without_a_banner(edge: Edge) -> None:
    with edge.client() as client:
        response = edge.ask(client, "POST", "/predict", files={"file": JPEG})
    assert response.status_code == 200, response.text
    assert response.http_version == "HTTP/2"
    assert response.json()["status"] == "success"
    assert response.headers.get_list("strict-transport-security") == ["max-age=31536000"]
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert "server" not in response.headers
    assert "h3=" in response.headers["alt-svc"]


# Python warns of old versions, which is the point of asking for one.
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_http_1_1_and_tls_1_2_are_spoken_and_older_ones_are_not(edge: Edge) -> None:
    with edge.client(http2=False) as client:
        assert edge.ask(client, "GET", "/health/live").http_version == "HTTP/1.1"
    assert spoken(edge, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        spoken(edge, ssl.TLSVersion.TLSv1_1)


def spoken(edge: Edge, version: ssl.TLSVersion) -> str | None:
    """Offer one version of TLS and nothing else."""
    offer = ssl.create_default_context(cafile=str(edge.authority))
    offer.set_ciphers("ALL:@SECLEVEL=0")
    offer.minimum_version = min(version, offer.minimum_version)
    offer.maximum_version = version
    offer.minimum_version = version
    with (
        socket.create_connection(("127.0.0.1", edge.https_port), timeout=10) as raw,
        offer.wrap_socket(raw, server_hostname=NAME) as connection,
    ):
        return connection.version()


def test_a_client_that_does_not_know_the_authority_is_not_let_down(edge: Edge) -> None:
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        edge.ask(client, "GET", "/health/live")


def test_plain_http_is_sent_to_https(edge: Edge) -> None:
    response = httpx.get(f"http://127.0.0.1:{edge.http_port}/predict?conf=0.5", headers={"Host": NAME}, trust_env=False)
    assert response.status_code in (301, 308)
    assert response.headers["location"] == f"https://{NAME}/predict?conf=0.5"
    assert "strict-transport-security" not in response.headers, "over plain HTTP anyone could have said it"


def test_the_clients_address_arrives_and_a_spoofed_one_does_not(edge: Edge, gateway: Gateway) -> None:
    with edge.client(address="127.0.0.77") as client:
        forged = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
        edge.ask(client, "GET", "/models", headers={**forged, "X-Forwarded-Proto": "http"})
    assert access_line(gateway)["client"] == "127.0.0.77"


def test_a_gateway_that_trusts_nobody_believes_nothing_of_it(start: Start, tmp_path: Path) -> None:
    alone = start()
    with caddy(tmp_path, NAME, alone.url().removeprefix("http://")) as edge, edge.client() as client:
        # From Caddy itself, which has the last word on HSTS where the gateway does not know of TLS.
        response = edge.ask(client, "GET", "/models")
        assert response.headers.get_list("strict-transport-security") == ["max-age=31536000"]


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in chunks"])
def test_an_oversized_body_is_refused_with_the_one_error_body(edge: Edge, fake: FakeTorchServe, declared: bool) -> None:
    large = JPEG.ljust(MOST + 1, b"\0")
    content = large if declared else (large[at : at + 10_000] for at in range(0, len(large), 10_000))
    with edge.client(http2=False) as client:
        response = edge.ask(client, "POST", "/predict", content=content, headers={"Content-Type": "image/jpeg"})
        assert response.status_code == 413, response.text
        body = response.json()
        assert (body["status"], body["error"]["code"]) == ("error", "body_too_large")
        assert str(MOST) in body["error"]["message"]
        assert body["request_id"]
        fits = edge.ask(
            client, "POST", "/predict", content=JPEG.ljust(MOST, b"\0"), headers={"Content-Type": "image/jpeg"}
        )
    assert fits.status_code == 200
    assert len(fake.predictions) == 1


def test_a_batch_has_its_own_limit(edge: Edge) -> None:
    with edge.client() as client:
        for pictures, status in ((2, 200), (4, 413)):
            files = [("files", JPEG.ljust(MOST * 9 // 10, b"\0"))] * pictures
            response = edge.ask(client, "POST", "/predict/batch", files=files)
            assert response.status_code == status, response.text
    assert str(3 * MOST) in response.json()["error"]["message"]


def test_a_gateway_that_is_gone_is_503_in_the_same_words(edge: Edge, gateway: Gateway) -> None:
    gateway.stop()
    with edge.client() as client:
        response = edge.ask(client, "GET", "/models")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["code"] == "backend_unavailable"


@pytest.mark.parametrize(("held", "statuses"), [(len(JPEG) + 1, [200, 200]), (0, [200, 503])])
def test_of_two_gateways_one_may_be_killed_and_a_body_that_is_held_is_sent_to_the_other(
    start: Start, fake: FakeTorchServe, tmp_path: Path, held: int, statuses: list[int]
) -> None:
    killed, other = start(), start()
    upstreams = " ".join(one.url().removeprefix("http://") for one in (killed, other))
    fake.predict = lambda asked: Answer([STREET], delay_s=2)
    with (
        caddy(tmp_path, NAME, upstreams, EDGE_RETRY_BYTES=str(held)) as edge,
        edge.client() as client,
        ThreadPoolExecutor(2) as pool,
    ):

        def ask() -> int:
            headers = {"Content-Type": "image/jpeg"}
            return edge.ask(client, "POST", "/predict", content=JPEG, headers=headers).status_code

        asked = [pool.submit(ask) for _ in statuses]
        wait_until(lambda: len(fake.predictions) == 2, "each gateway has a request")
        killed.process.kill()
        assert sorted(one.result() for one in asked) == statuses
        assert len(fake.predictions) == 1 + statuses.count(200)
        fake.predict = street
        # No connection was made to it, so the body is still there, held or not.
        assert {ask() for _ in range(4)} == {200}


def test_errors_of_the_gateway_pass_unchanged(edge: Edge) -> None:
    with edge.client() as client:
        response = edge.ask(client, "POST", "/predict", content=b"hello" * 99, headers={"Content-Type": "image/jpeg"})
    assert response.status_code == 415, response.text
    assert response.json()["error"]["code"] == "unsupported_image"


def test_the_rate_limit_counts_the_client_behind_the_edge(start: Start, tmp_path: Path) -> None:
    limited = start(FORWARDED_ALLOW_IPS="127.0.0.1", RATE_LIMIT="2/minute")
    url = limited.url()
    with caddy(tmp_path, NAME, url.removeprefix("http://")) as edge, edge.client() as client:
        spoofed = [{"X-Forwarded-For": f"203.0.113.{n}"} for n in range(4)]
        statuses = [edge.ask(client, "GET", "/models", headers=headers).status_code for headers in spoofed]
    assert statuses == [200, 200, 429, 429]


def test_a_slow_body_is_given_up_by_the_gateway_and_its_answer_arrives(start: Start, tmp_path: Path) -> None:
    def stopping() -> Iterator[bytes]:
        yield JPEG[:100]
        time.sleep(1.5)
        yield JPEG[100:]

    impatient = start(FORWARDED_ALLOW_IPS="127.0.0.1", BODY_GAP_S="0.5")
    upstream = impatient.url().removeprefix("http://")
    with caddy(tmp_path, NAME, upstream) as edge, edge.client() as client:
        response = edge.ask(client, "POST", "/predict", content=stopping(), headers={"Content-Type": "image/jpeg"})
    assert response.status_code == 408
    assert response.json()["error"]["code"] == "request_timeout"


def test_the_admin_interface_is_off_and_its_log_is_json(edge: Edge) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get("http://127.0.0.1:2019/config/", trust_env=False)
    lines = [line for line in edge.log.read_text().splitlines() if line.startswith("{")]
    assert lines
    assert all(json.loads(line)["level"] for line in lines)
    assert not [line for line in lines if json.loads(line)["level"] in ("error", "fatal")]


def test_headers_that_never_end_are_cut_off(gateway: Gateway, tmp_path: Path) -> None:
    upstream = gateway.url().removeprefix("http://")
    with caddy(tmp_path, NAME, upstream, EDGE_HEADER_TIMEOUT="1s") as edge:
        trust = ssl.create_default_context(cafile=str(edge.authority))
        with (
            socket.create_connection(("127.0.0.1", edge.https_port), timeout=20) as raw,
            trust.wrap_socket(raw, server_hostname=NAME) as connection,
        ):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: yolo.localhost\r\nX-Slow: ")
            connection.settimeout(10)
            try:
                while connection.recv(1000):
                    pass  # it may say why
            except ConnectionError:
                pass
        with edge.client() as client:
            assert edge.ask(client, "GET", "/health/live").status_code == 200


def test_the_documented_caddyfile_lines_add_a_key_for_cameras_that_cannot(start: Start, tmp_path: Path) -> None:
    (block,) = [block for block in documents.code_blocks("") if "@cameras" in block]
    lines = block.replace("192.168.1.20", "127.0.0.2")
    caddyfile = tmp_path / "Caddyfile"
    before, mark, after = CADDYFILE.read_text().partition("\treverse_proxy {$EDGE_UPSTREAM")
    caddyfile.write_text(f"{before}{lines}\n{mark}{after}")
    keys = tmp_path / "keys.jsonl"
    key = add_key(keys, "cameras")
    gateway = start(FORWARDED_ALLOW_IPS="127.0.0.1", API_KEYS_FILE=str(keys))
    upstream = gateway.url().removeprefix("http://")
    with caddy(tmp_path, NAME, upstream, caddyfile, CAMERAS_KEY=key) as edge:
        with edge.client(address="127.0.0.2") as camera:
            sent = {"data": {"api_key": "whatever"}, "files": {"image": JPEG}}
            answer = edge.ask(camera, "POST", "/v1/vision/detection", **sent)
            assert (answer.status_code, answer.json()["success"]) == (200, True)
            assert edge.ask(camera, "GET", "/models").status_code == 401
        with edge.client() as other:
            assert edge.ask(other, "POST", "/v1/vision/detection", files={"image": JPEG}).status_code == 401
