"""What other models cost: the order of the states, and the table. No process is started."""

from __future__ import annotations

from benchmarks import other_models


def phase(images: int, pss: float) -> dict[str, object]:
    return {
        "latencies_ms": [10.0] * images,
        "window_s": 1.0,
        "errors": {},
        "answered": images,
        "server_cpu_s": images * 0.08,
        "memory_mb": {"pss": pss},
        "rest_cpu_ms_per_s": 4.0,
    }


def test_each_state_is_measured_once_a_round_and_none_always_follows_the_same_one() -> None:
    states = list(other_models.STATES)
    order = list(other_models.orders(states, 6))
    assert [sorted(order[at : at + 3]) for at in range(0, 18, 3)] == [sorted(states)] * 6
    before = {state: {order[at - 1] for at in range(1, 18) if order[at] == state} for state in states}
    assert all(len(seen) > 1 for seen in before.values())


def test_a_state_is_compared_with_yolo_alone_in_the_same_round() -> None:
    phases = {
        "alone": [phase(100, 500), phase(50, 500)],
        "loaded": [phase(99, 900), phase(50, 900)],
        "unloaded": [phase(90, 510), phase(45, 510)],
    }
    found = {**other_models.summarise(phases), "wakes_s": [{"load": 2.0, "first_answer": 3.5, "answer": 0.1}]}
    _, alone, loaded, unloaded, wake = other_models.table(found)
    assert (alone[2], loaded[2:4], unloaded[2:4]) == ("1.000", ["0.995", "yes"], ["0.900", "no"])
    assert loaded[4:7] == ["80.0", "4.0", "900"]
    assert wake[1:4] == ["3.50 s", "load 2.00 s", "no"]
