"""What a load shows, from recorded answers."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ops.load import view
from ops.load.record import Record, percentile, seconds_asked


@pytest.fixture
def record() -> Record:
    """Ten seconds of ten requests each: nine answered in 20 to 200 ms, of the last second all refused."""
    record = Record(began=100.0)
    for number in range(100):
        due = 100.0 + number / 10
        record.plan(due)
        if number >= 90:
            record.refuse("503 overloaded", str(1 + number % 3))
        elif number % 10 == 0:
            record.fail("later than 30 s")
        else:
            record.answer(due + 0.02 * (number % 10 + 1), due, "yolo 1.1" if number % 5 == 0 else "yolo 1.0")
    return record


def test_the_summary_has_rates_latencies_statuses_versions_and_refusals(record):
    assert view.summary(record, 110.0) == [
        "  requests    100, 81 answered with detections",
        "  rate        asked 10.0/s, reached 8.1/s",
        "  latency     p50 120 ms, p99 200 ms",
        "  statuses    200: 81, 503 overloaded: 10",
        "  no answer   later than 30 s: 9",
        "  versions    yolo 1.0: 72, yolo 1.1: 9",
        "  refused     10 with Retry-After: 1 to 3 s",
    ]


def test_the_rate_that_was_asked_for_does_not_fall_while_the_last_answers_are_waited_for(record):
    assert view.summary(record, 130.0)[1] == "  rate        asked 10.0/s, reached 2.7/s"


def test_a_line_is_about_the_last_seconds(record):
    line = view.line(record, 110.0)
    # 37 answers came between 105 and 110 s.
    assert line.startswith("  10 s, asked 10.0/s, reached 7.4/s, p50 120 ms, p99 200 ms, in flight 0, 200: 81, ")


def test_without_any_answer_there_are_no_latencies():
    record = Record(began=0.0)
    record.plan(0.0)
    record.fail("ConnectError")
    assert view.summary(record, 2.0)[:3] == [
        "  requests    1, 0 answered with detections",
        "  rate        asked 0.5/s, reached 0.0/s",
        "  latency     no answer yet",
    ]


@pytest.mark.parametrize("columns", [20, 40, 200])
def test_the_view_fits_a_terminal_of_any_width(record, columns):
    console = Console(file=io.StringIO(), width=columns, force_terminal=False)
    console.print(view.screen("Load on http://127.0.0.1:8001", record, 110.0, 30))
    shown = console.file.getvalue()
    assert max(map(len, shown.splitlines())) <= columns
    assert "".join(shown.split()).startswith("Loadonhttp://127.0.0.1:8001:10sof30s")
    assert "overloaded:10" in "".join(shown.split()) or columns < 40


def test_a_percentile_is_the_nearest_rank():
    assert [percentile([1, 2, 3, 4], share) for share in (0.01, 0.5, 0.75, 0.99)] == [1, 2, 3, 4]
    assert percentile([7], 0.5) == 7


def test_retry_after_is_shown_as_a_range_of_seconds_or_as_the_dates_that_were_sent():
    assert seconds_asked(["3", "1", "2"]) == "1 to 3 s"
    assert seconds_asked(["2", "2"]) == "2 s"
    assert seconds_asked(["Mon, 30 Nov 2026 12:00:00 GMT"]) == "Mon, 30 Nov 2026 12:00:00 GMT"
