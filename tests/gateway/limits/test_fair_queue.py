"""Callers take turns; what is urgent goes first; a full queue makes room for those who have little in it."""

from __future__ import annotations

import random

from gateway.limits.fair_queue import FairQueue


def queue_of(*items: tuple[str, bool, str]) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue()
    for caller, urgent, item in items:
        queue.add(caller, urgent, item)
    return queue


def order(queue: FairQueue[str]) -> list[str]:
    return [queue.pop() for _ in range(len(queue))]


def test_callers_take_turns_and_keep_their_own_order() -> None:
    queue = queue_of(*(("a", True, f"a{n}") for n in range(4)), ("b", True, "b0"), ("b", True, "b1"), ("c", True, "c0"))
    assert order(queue) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]
    assert len(queue) == 0


def test_who_comes_back_goes_before_the_one_that_has_just_had_a_turn() -> None:
    queue = queue_of(*(("many", True, f"m{n}") for n in range(4)), ("few", True, "f0"))
    assert [queue.pop() for _ in range(3)] == ["m0", "f0", "m1"]
    queue.add("few", True, "f1")
    queue.add("new", True, "n0")
    assert order(queue) == ["f1", "n0", "m2", "m3"]


def test_what_is_urgent_goes_first() -> None:
    queue = queue_of(("a", False, "slow"), ("b", False, "slow too"), ("a", True, "fast"), ("a", True, "fast too"))
    assert order(queue) == ["fast", "fast too", "slow", "slow too"]


def test_an_item_that_leaves_takes_no_turn() -> None:
    queue = queue_of(("a", True, "a0"), ("b", True, "b0"), ("a", True, "a1"))
    queue.remove("b", True, "b0")
    queue.remove("a", True, "a0")
    assert order(queue) == ["a1"]


def test_ahead_is_the_number_of_turns_before_a_new_item() -> None:
    rng = random.Random(3)
    for _ in range(300):
        items = [(rng.choice("abcd"), rng.random() < 0.6, str(number)) for number in range(rng.randrange(12))]
        queue = queue_of(*items)
        for _ in range(min(rng.randrange(4), len(queue))):
            queue.pop()
        caller, urgent = rng.choice("abcde"), rng.random() < 0.5
        ahead = queue.ahead(caller, urgent)
        queue.add(caller, urgent, "new")
        assert order(queue).index("new") == ahead


def test_a_new_item_pushes_out_the_last_of_the_caller_with_the_most() -> None:
    queue = queue_of(*(("many", True, f"m{n}") for n in range(5)), ("few", True, "f0"))
    assert queue.pushed_out("few", True) == "m4"
    assert queue.pushed_out("new", True) == "m4"
    assert queue.pushed_out("many", True) is None
    assert queue.pushed_out("few", False) is None, "it would be the last itself"


def test_what_is_not_urgent_is_pushed_out_first() -> None:
    queue = queue_of(*(("many", True, f"m{n}") for n in range(5)), ("batch", False, "b0"), ("batch", False, "b1"))
    assert queue.pushed_out("many", True) == "b1"
    assert queue.pushed_out("batch", False) is None
    assert queue.pushed_out("other", False) == "b1"
    assert queue_of().pushed_out("a", True) is None
