"""axios, form-data, undici and Node's own modules against a gateway process: tests/gateway/peers/node/clients.cjs."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.clients.expected import DETECTIONS, PHOTO, QUERY, assert_detected, assert_refused
from tests.gateway.peers.environment import HERE, node, npm_packages
from tests.gateway.support.fake_torchserve import Asked, FakeTorchServe
from tests.support.caddy import Edge

#: The ways of sending that are taken, with the query that the model server must get.
TAKEN: dict[str, dict[str, str]] = {
    "axios-buffer": {},
    "axios-array-buffer": {},
    "axios-read-stream": {},
    "axios-blob": {},
    "axios-gzip": {},
    "axios-form-blob": QUERY,
    "axios-form-file": QUERY,
    "axios-post-form-buffer": QUERY,
    "axios-post-form-read-stream": QUERY,
    "axios-post-form-list": QUERY,
    "axios-query-brackets": QUERY,
    "axios-query-repeated": QUERY,
    "axios-query-indexes": QUERY,
    "axios-json": QUERY,
    "axios-json-data-url": QUERY,
    "axios-http2": {},
    "form-data-buffer": {},
    "form-data-buffer-with-name": {},
    "form-data-buffer-with-type": {},
    "form-data-read-stream": {},
    "form-data-stream": {},
    "form-data-submit": {},
    "undici-buffer": {},
    "undici-read-stream": {},
    "undici-form": QUERY,
    "undici-query": QUERY,
    "undici-http2": QUERY,
    "fetch-buffer": {},
    "fetch-blob": {},
    "fetch-form-blob": QUERY,
    "fetch-form-blob-without-type": QUERY,
    "fetch-form-file": QUERY,
    "fetch-form-file-on-disk": QUERY,
    "fetch-form-empty-field": QUERY,
    "fetch-web-stream": {},
    "fetch-gzip-stream": {},
    "fetch-json": QUERY,
    "node-fetch-form": QUERY,
    "node-http-expect": {},
}
#: The mistakes, with status, code and a part of the message.
REFUSED = {
    "axios-buffer-without-type": (415, "unsupported_media_type", "application/x-www-form-urlencoded"),
    "form-data-in-fetch": (400, "invalid_form", "boundary"),
    "fetch-json-without-type": (415, "unsupported_media_type", "text/plain"),
    "fetch-search-params": (415, "unsupported_media_type", "application/x-www-form-urlencoded"),
    "fetch-form-text": (422, "missing_file", "no file name"),
}
#: Those with a test of their own.
OTHERS = {"axios-batch", "axios-deepstack", "axios-keep-alive", "undici-keep-alive"}


@dataclass
class Sent:
    """What a client says of one way of sending, and what the model server got."""

    said: dict[str, Any]
    predictions: list[Asked] = field(default_factory=list)

    @property
    def answer(self) -> tuple[int, dict[str, Any]]:
        assert "error" not in self.said, self.said["error"]
        return self.said["status"], self.said["body"]


@pytest.fixture(scope="module")
def sent(_running: tuple[FakeTorchServe, str], url: str, edge: Edge, photo_path: Path) -> dict[str, Sent]:
    """Send the picture in every way, each with its name as the id of the request."""
    fake, _ = _running
    script = str(HERE / "node" / "clients.cjs")
    done = subprocess.run(
        [str(node()), script, url, f"https://localhost:{edge.https_port}", str(photo_path)],
        env={"NODE_PATH": str(npm_packages()), "NODE_EXTRA_CA_CERTS": str(edge.authority)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    predictions = defaultdict(list)
    for asked in fake.predictions:
        predictions[asked.headers["x-request-id"]].append(asked)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {said["name"]: Sent(said, predictions[said["name"]]) for said in lines}


def test_every_way_of_sending_has_its_test(sent: dict[str, Sent]) -> None:
    assert set(sent) == {*TAKEN, *REFUSED, *OTHERS}


@pytest.mark.parametrize("way", TAKEN)
def test_the_picture_is_taken(sent: dict[str, Sent], way: str) -> None:
    assert_detected(*sent[way].answer, sent[way].predictions, TAKEN[way])


@pytest.mark.parametrize("way", REFUSED)
def test_a_mistake_is_named(sent: dict[str, Sent], way: str) -> None:
    assert_refused(*sent[way].answer, REFUSED[way])
    assert sent[way].predictions == []


def test_a_list_of_files_is_a_batch(sent: dict[str, Sent]) -> None:
    status, body = sent["axios-batch"].answer
    assert status == 200, body
    assert [(entry["file"], entry["detections"]) for entry in body["results"]] == [("Straße 1.jpg", DETECTIONS)] * 2
    got = [(asked.body == PHOTO, asked.query) for asked in sent["axios-batch"].predictions]
    assert got == [(True, QUERY)] * 2


def test_deepstacks_route_takes_a_buffer(sent: dict[str, Sent]) -> None:
    status, body = sent["axios-deepstack"].answer
    assert status == 200, body
    assert [found["label"] for found in body["predictions"]] == ["person", "bus"]


@pytest.mark.parametrize("way", ["axios-keep-alive", "undici-keep-alive"])
def test_a_connection_is_kept_also_after_an_error(sent: dict[str, Sent], way: str) -> None:
    assert sent[way].answer[1]["detections"] == DETECTIONS
    said = sent[way].said
    assert said["statuses"] == [200, 415, 200]
    assert said["reused"] == [False, True, True] if way.startswith("axios") else said["connected"] == 1


@pytest.mark.parametrize("way", ["axios-http2", "undici-http2"])
def test_the_edge_speaks_http2_with_it(sent: dict[str, Sent], way: str) -> None:
    assert sent[way].said["protocols"] == ["h2"]


def test_a_client_that_waits_for_100_continue_gets_it(sent: dict[str, Sent]) -> None:
    assert sent["node-http-expect"].said["continued"] is True


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((HERE / "node" / "package-lock.json").read_text())["packages"]
    assert {name for name, package in packages.items() if name and "integrity" not in package} == set()
    assert not any("resolved" in package for package in packages.values())
