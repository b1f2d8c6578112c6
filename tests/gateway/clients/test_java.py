"""Java's own HTTP clients against a gateway process: tests/gateway/peers/java/Clients.java."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from typing import Any

import pytest

from tests.gateway.clients.expected import QUERY, assert_detected, assert_refused
from tests.gateway.peers.environment import HERE, java
from tests.gateway.support.fake_torchserve import Asked, FakeTorchServe
from tests.support.caddy import Edge

#: The ways of sending that are taken, with the query that the model server must get.
TAKEN: dict[str, dict[str, str]] = {
    "body-bytes": {},
    "body-file": {},
    "body-stream": {},
    "body-query": QUERY,
    "body-http1": {},
    "body-gzip": {},
    "body-expect": {},
    "body-asynchronous": {},
    "form-bytes": QUERY,
    "form-file": QUERY,
    "form-stream": QUERY,
    "form-query": QUERY,
    "form-type-without-name": {},
    "form-name-without-type": {},
    "form-http1": QUERY,
    "json": QUERY,
    "http2": QUERY,
    "url-connection": {},
    "url-connection-chunked": {},
}
#: The mistakes, with status, code and a part of the message.
REFUSED = {
    "form-not-an-image": (415, "unsupported_image", "Not an image"),
    "json-without-type": (415, "unsupported_image", "send it as Content-Type: application/json"),
    "url-connection-without-type": (415, "unsupported_media_type", "application/x-www-form-urlencoded"),
}


class Sent:
    """What a client says of one way of sending, and what the model server got."""

    def __init__(self, line: str, predictions: list[Asked]) -> None:
        self.name, status, self.version, self.body = line.split("\t", 3)
        self.status = int(status)
        self.predictions = predictions

    @property
    def answer(self) -> tuple[int, dict[str, Any]]:
        assert self.status, f"{self.version}: {self.body}"
        return self.status, json.loads(self.body)


@pytest.fixture(scope="module")
def sent(_running: tuple[FakeTorchServe, str], url: str, edge: Edge, photo_path: object) -> dict[str, Sent]:
    """Send the picture in every way, each with its name as the id of the request."""
    fake, _ = _running
    program = HERE / "java" / "Clients.java"
    arguments = [url, f"https://localhost:{edge.https_port}", str(edge.authority), str(photo_path)]
    # The first compiler alone, and in the locale in which Java reads names of files and its source as UTF-8.
    command = [java(), "-XX:TieredStopAtLevel=1", str(program), *arguments]
    done = subprocess.run(command, env={"LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    predictions = defaultdict(list)
    for asked in fake.predictions:
        predictions[asked.headers["x-request-id"]].append(asked)
    found = [Sent(line, predictions[line.split("\t")[0]]) for line in done.stdout.splitlines()]
    return {one.name: one for one in found}


def test_every_way_of_sending_has_its_test(sent: dict[str, Sent]) -> None:
    assert set(sent) == {*TAKEN, *REFUSED}


@pytest.mark.parametrize("way", TAKEN)
def test_the_picture_is_taken(sent: dict[str, Sent], way: str) -> None:
    assert_detected(*sent[way].answer, sent[way].predictions, TAKEN[way])


@pytest.mark.parametrize("way", REFUSED)
def test_a_mistake_is_named(sent: dict[str, Sent], way: str) -> None:
    assert_refused(*sent[way].answer, REFUSED[way])
    assert sent[way].predictions == []


def test_an_offer_of_http2_is_declined_on_a_plain_connection_and_taken_at_the_edge(sent: dict[str, Sent]) -> None:
    versions = {name: one.version for name, one in sent.items()}
    assert versions.pop("http2") == "HTTP_2"
    assert set(versions.values()) == {"HTTP_1_1"}
