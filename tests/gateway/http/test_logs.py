"""Logs: one JSON object a line, one line a request, with its id; nothing that a client sends can forge one."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from gateway.http.logs import change_level, change_level_on_signals, configure_logging
from tests.gateway.conftest import ready_now
from tests.gateway.support.fake_torchserve import FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture

JPEG = picture("JPEG")
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Log at INFO into memory; call it for what was written, each line parsed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def of(lines: Lines, logger: str) -> list[dict[str, Any]]:
    return [line for line in lines() if line["logger"] == logger]


@pytest.mark.anyio
async def test_a_request_is_one_line_with_what_one_wants_to_know(lines: Lines, client: httpx.AsyncClient) -> None:
    response = await client.post("/predict?conf=0.5", content=JPEG, headers={"X-Request-ID": "abc"})
    (line,) = of(lines, "gateway.access")
    assert line.pop("duration_ms") > 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "gateway.access",
        "message": "request",
        "request_id": "abc",
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "bytes_in": len(JPEG),
        "bytes": len(response.content),
        "model": "yolo",
        "version": "1.0",
    }


@pytest.mark.anyio
async def test_an_error_is_logged_with_its_code(lines: Lines, client: httpx.AsyncClient) -> None:
    await client.post("/predict", content=b"text", headers={"Content-Type": "image/jpeg"})
    await client.get("/nothing")
    assert [(line["status"], line["error"]) for line in of(lines, "gateway.access")] == [
        (415, "unsupported_image"),
        (404, "not_found"),
    ]


@pytest.mark.anyio
async def test_why_the_model_server_failed_is_logged_under_the_same_id(
    lines: Lines, client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: torchserve_error(500, "InternalServerException", "Worker died.")
    await client.post("/predict", content=JPEG, headers={"X-Request-ID": "abc"})
    (line,) = of(lines, "gateway.errors")
    assert line["request_id"] == "abc"
    assert line["level"] == "warning"
    assert (line["fault"], line["detail"]) == ("BackendError", "TorchServe answered 500 InternalServerException")


@pytest.mark.anyio
async def test_good_answers_to_probes_are_not_worth_a_line_and_bad_ones_are(
    lines: Lines, client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    for path in ("/health", "/health/live", "/v2/health/live", "/v2/health/ready", "/v2/models/yolo/ready", "/metrics"):
        assert (await client.get(path)).status_code == 200
    assert of(lines, "gateway.access") == []
    fake.workers = {"1.0": []}
    await ready_now(client)
    assert [line["status"] for line in of(lines, "gateway.access")] == [503]


@pytest.mark.anyio
async def test_a_path_with_a_line_break_stays_on_its_line(lines: Lines, client: httpx.AsyncClient) -> None:
    await client.get("/%0a%7b%22level%22:%22critical%22%7d")
    (line,) = of(lines, "gateway.access")
    assert line["path"] == '/\n{"level":"critical"}'
    assert line["level"] == "info"


def test_a_traceback_is_one_line_too(lines: Lines) -> None:
    try:
        raise ValueError("of no use\nat all")
    except ValueError:
        logging.getLogger("gateway").exception("it failed")
    (line,) = lines()
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: of no use\nat all")


def test_warnings_and_other_libraries_speak_json_as_well(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    logging.getLogger("uvicorn.error").info("Started %s", "now", extra={"color_message": "no use"})
    first, second = lines()
    assert "old" in first["message"]
    assert (second["message"], "color_message" in second) == ("Started now", False)


def test_what_cannot_be_json_is_written_as_text(lines: Lines) -> None:
    logging.getLogger("gateway").info("x", extra={"thing": {1, 2}})
    assert lines()[0]["thing"] == "{1, 2}"


def test_the_level_is_changed_while_the_gateway_runs(lines: Lines) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    try:
        change_level_on_signals()
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(os.getpid(), number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert [line["log_level"] for line in lines()] == ["debug", "debug", "info"]


def test_at_any_level_the_change_itself_is_logged(lines: Lines) -> None:
    for _ in range(3):
        change_level(1)
    logging.getLogger("gateway").warning("not now")
    change_level(-1)
    assert [line["log_level"] for line in lines()] == ["warning", "error", "error", "warning"]
