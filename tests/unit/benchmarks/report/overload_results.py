"""The results of an overload of this stack that keeps every promise, and of a rival that collapses."""

from __future__ import annotations

from typing import Any


def step(goodput: float = 10.0, p99: float | None = 2100.0, **more: Any) -> dict[str, Any]:
    """Return one load's summary."""
    return {
        "requests": 2000, "offered_per_s": 100.0, "answered": 200, "goodput_per_s": goodput,
        "of_possible": goodput / 10,
        "latency_ms": {"p50": p99 and p99 / 2, "p99": p99}, "refused": 1800, "refusal_ms": {"p50": 5.0, "p99": 40.0},
        "errors": {"503": 1800}, "inferred": 202, "for_nobody": 2, "busy_after_s": 0.5, "settled": True, **more,
    }  # fmt: skip


def stack(**more: Any) -> dict[str, Any]:
    """Return this stack's entry: 10 pictures a second, 200 ms each."""
    few = step(p99=400.0, answered=100, requests=100, errors={})
    return {
        "title": "This stack", "shape": None, "refused": None, "service_ms": 200.0,
        "capacity": {"before": 10.0, "after": 10.0, "per_s": 10.0, "clients": 8},
        "loads": {"50": step(5.0, 300.0), "200": step(), "500": step(), "1000": step(9.6)},
        "scenes": {
            "steady": step(8.0, 500.0),
            "leaving": step(p99=900.0, patience_s=1.0),
            "callers": {"many": step(p99=8000.0, answered=110, requests=400), "few": few},
        },
        **more,
    }  # fmt: skip


def rival() -> dict[str, Any]:
    """Return a rival's entry: at ten times its capacity nobody gets an answer in time."""
    collapsed = step(0.0, None, refused=0, refusal_ms={"p50": None, "p99": None}, errors={"timeout": 2000})
    return {
        "title": "LitServe", "shape": "2×1", "refused": None, "service_ms": 210.0,
        "capacity": {"before": 9.0, "after": 9.5, "per_s": 9.25, "clients": 4},
        "loads": {"50": step(4.5, 300.0), "1000": collapsed | {"for_nobody": 350, "settled": False}},
        "scenes": {},
    }  # fmt: skip


def results() -> dict[str, Any]:
    """Return the results of both."""
    return {
        "date": "2026-01-02T03:04+00:00",
        "machine": {"processor": "CPU", "cpus_used": 2, "cpus": 2, "instructions": ["avx2"], "memory_gb": 8.0},
        "settings": {"pictures": 14, "weights": "best.pt", "seconds": 20.0, "patience_s": 10.0, "max_wait_s": 2.0},
        "contestants": {"stack_gateway": stack(), "litserve_yolo": rival()},
        "notes": ["One note."],
    }
