"""The worker's log."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from yolo import logs
from yolo.errors import InvalidImage
from yolo.pipeline import Outcome


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The configured logger; what it changed is undone."""
    found = logs.configure("INFO")
    yield found
    logging.getLogger().removeFilter(logs.is_kept)
    found.setLevel(logging.NOTSET)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == logs.NAME]


def test_a_picture_is_one_json_line(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    logs.outcome(logger, "id-1", 200, 3, Outcome({"boxes": [1, 2]}, size=(8, 6), timings={"total": 1.5}))
    assert lines(caplog) == [
        {
            "event": "predict",
            "request_id": "id-1",
            "status": 200,
            "batch": 3,
            "boxes": 2,
            "width": 8,
            "height": 6,
            "timings_ms": {"total": 1.5},
        }
    ]


def test_a_mistake_of_the_caller_is_a_line_without_a_traceback(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    logs.outcome(logger, "id-1", 400, 1, Outcome(error=InvalidImage("no picture")))
    assert lines(caplog)[0]["type"] == "InvalidImage"
    assert caplog.records[-1].exc_info is None


def test_what_nobody_expected_comes_with_its_traceback(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    logs.outcome(logger, "id-1", 500, 1, Outcome(error=ZeroDivisionError("secret")))
    assert lines(caplog)[0]["type"] == "ZeroDivisionError"
    assert caplog.records[-1].levelno == logging.ERROR
    assert caplog.records[-1].exc_info is not None


def test_a_request_id_cannot_forge_a_line(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    logs.outcome(logger, 'x"}\n{"event":"ready', 200, 1, Outcome({"boxes": []}, size=(1, 1)))
    assert "\n" not in caplog.records[-1].getMessage()


def test_the_line_per_request_of_torchserve_is_dropped_and_its_metrics_are_not(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    with caplog.at_level(logging.INFO):
        root.info("Backend received inference at: %d", 1)
        root.info("[METRICS]PredictionTime.Milliseconds:12")
    assert [record.getMessage() for record in caplog.records] == ["[METRICS]PredictionTime.Milliseconds:12"]


def test_configuring_twice_filters_once(logger: logging.Logger) -> None:
    logs.configure("INFO")
    assert logging.getLogger().filters.count(logs.is_kept) == 1


def test_a_level_that_does_not_exist_is_info(logger: logging.Logger) -> None:
    assert logs.configure("LOUD").level == logging.INFO
    assert logs.configure("WARNING").level == logging.WARNING


def test_at_a_higher_level_pictures_are_not_logged(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    logs.configure("WARNING")
    logs.outcome(logger, "id-1", 200, 1, Outcome({"boxes": []}, size=(1, 1)))
    assert lines(caplog) == []


def test_the_model_and_the_trace_stand_in_the_line_if_they_are_known(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    facts = {"trace_id": None, "model": "yolo", "version": "1.0"}
    logs.outcome(logger, "id-1", 200, 1, Outcome({"boxes": []}, size=(1, 1)), facts)
    (line,) = lines(caplog)
    assert (line["model"], line["version"], "trace_id" in line) == ("yolo", "1.0", False)


def test_on_the_workers_output_an_error_and_its_traceback_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handler = logging.StreamHandler(sys.stdout)
    root.addHandler(handler)
    try:
        logger = logs.configure("INFO")
        logs.outcome(logger, "id-1", 500, 1, Outcome(error=ZeroDivisionError("in the\nmiddle")))
        root.error("Backend worker process died.", exc_info=ValueError("the cause"))
        root.warning("[METRICS]PredictionTime.Milliseconds:12")
    finally:
        root.removeHandler(handler)
        root.removeFilter(logs.is_kept)
    first, second, metric = capsys.readouterr().out.splitlines()
    assert json.loads(first)["request_id"] == "id-1"
    assert json.loads(first)["exception"].endswith("ZeroDivisionError: in the\nmiddle")
    assert json.loads(second)["message"] == "Backend worker process died."
    assert json.loads(second)["exception"].endswith("ValueError: the cause")
    assert metric == "[METRICS]PredictionTime.Milliseconds:12"
