"""The header with the worker's stages, and what becomes of times on another clock."""

from __future__ import annotations

import pytest

from gateway.tracing.model_server import Stage, read_stages, within


def test_the_header_is_read_in_microseconds() -> None:
    assert read_stages("handle;1700000000000001;2500, nms;1700000000000002;3") == [
        Stage("handle", 1_700_000_000_000_001_000, 1_700_000_000_002_501_000),
        Stage("nms", 1_700_000_000_000_002_000, 1_700_000_000_000_005_000),
    ]


@pytest.mark.parametrize(
    "header", ["", "handle", "handle;1", "a b;1;2", "handle;-1;2", f"handle;{'9' * 30};1", "é;1;2"]
)
def test_what_is_not_valid_is_left_out(header: str) -> None:
    assert read_stages(header) == []
    assert [stage.name for stage in read_stages(f"{header}, nms;1;2")] == ["nms"]


def test_a_server_that_names_thousands_of_stages_gets_a_few() -> None:
    assert len(read_stages("x;1;1," * 5000)) == 16


def test_times_within_the_call_are_believed() -> None:
    stages = [Stage("handle", 110, 150), Stage("nms", 140, 150)]
    assert within(stages, 100, 160) == stages
    assert within([], 100, 160) == []


@pytest.mark.parametrize("off", [-1_000_000, 55, 1_000_000])
def test_times_of_another_clock_are_moved_into_the_call_and_keep_their_lengths(off: int) -> None:
    stages = [Stage("handle", 110 + off, 150 + off), Stage("nms", 140 + off, 150 + off)]
    assert within(stages, 100, 160) == [Stage("handle", 110, 150), Stage("nms", 140, 150)]
