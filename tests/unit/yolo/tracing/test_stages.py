"""The header that tells the caller when the stages began."""

from __future__ import annotations

import time

import pytest

from yolo.tracing import stages


def test_each_stage_has_its_begin_since_1970_and_its_duration_in_microseconds() -> None:
    now, epoch = time.perf_counter(), time.time()
    parts = stages.header({"handle": (now, now + 0.25), "nms": (now + 0.2, now + 0.25)}).split(", ")
    (handle, begin, took), (nms, begin_nms, took_nms) = (part.split(";") for part in parts)
    assert (handle, nms) == ("handle", "nms")
    assert (int(took), int(took_nms)) == (pytest.approx(250_000, abs=1), pytest.approx(50_000, abs=1))
    assert abs(int(begin) / 1e6 - epoch) < 0.5
    assert int(begin_nms) - int(begin) == pytest.approx(200_000, abs=1)


def test_a_stage_that_begins_as_another_ends_does_not_overlap_it() -> None:
    edges = [time.perf_counter() + number / 7_000_000 for number in range(200)]
    ends = 0
    for part in stages.header({str(n): (edges[n], edges[n + 1]) for n in range(199)}).split(", "):
        _, begin, took = part.split(";")
        assert ends in (0, int(begin))
        ends = int(begin) + int(took)
