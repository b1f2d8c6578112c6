"""Which version a request gets, as a pure function: shares, stickiness, and that raising a share moves nobody back."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter

import pytest

from gateway.routing.choice import NO_ROUTING, Arm, Choice, Routing, bucket, choose

CLIENTS = [f"camera-{number}" for number in range(10_000)]


def canary(percent: float, salt: str = "a1b2c3d4") -> Routing:
    return Routing(1, stable="1.0", arms=(Arm("1.1", "canary", round(percent * 100)),), salt=salt)


def in_canary(percent: float, salt: str = "a1b2c3d4") -> set[str]:
    return {client for client in CLIENTS if choose(canary(percent, salt), client).role == "canary"}


def test_the_bucket_is_the_one_of_the_contract() -> None:
    digest = hashlib.sha256(b"a1b2c3d4camera-12").digest()
    assert bucket("a1b2c3d4", "camera-12") == int.from_bytes(digest[:8], "big") % 10000


@pytest.mark.parametrize("percent", [1, 10, 25, 50])
def test_a_canary_gets_its_share_of_the_clients(percent: float) -> None:
    # Five standard deviations of a binomial distribution: hashes are not random, the test is no gamble.
    slack = 5 * (len(CLIENTS) * percent / 100 * (1 - percent / 100)) ** 0.5
    assert abs(len(in_canary(percent)) - len(CLIENTS) * percent / 100) < slack


def test_nothing_and_everything_are_exact() -> None:
    assert in_canary(0) == set()
    assert in_canary(100) == set(CLIENTS)


def test_a_client_stays_with_its_version() -> None:
    assert all(len({choose(canary(50), client) for _ in range(20)}) == 1 for client in CLIENTS[:50])


def test_raising_the_share_keeps_those_who_are_in() -> None:
    shares = [0, 5, 10, 25, 50, 99.99, 100]
    found = [in_canary(share) for share in shares]
    assert all(before <= after for before, after in itertools.pairwise(found))


def test_another_salt_chooses_other_clients() -> None:
    here, there = in_canary(10), in_canary(10, "another")
    assert 0 < len(here & there) < len(here) / 2


def test_an_experiment_gives_each_arm_its_share_and_the_rest_to_the_stable_version() -> None:
    arms = (Arm("1.0", "experiment", 5000), Arm("1.2", "experiment", 8000))
    routing = Routing(1, stable="1.0", arms=arms, salt="x", experiment="night-model")
    found = Counter(choose(routing, client) for client in CLIENTS)
    assert {choice: round(count, -3) for choice, count in found.items()} == {
        Choice("1.0", "experiment"): 5000,
        Choice("1.2", "experiment"): 3000,
        Choice("1.0", "stable"): 2000,
    }


def test_without_a_split_the_server_decides() -> None:
    assert choose(NO_ROUTING, "camera-1") == Choice(None, "stable")
    assert choose(Routing(4, stable="1.0"), "camera-1") == Choice(None, "stable")


def test_any_text_is_a_key() -> None:
    for key in ["", "ключ", "\x80\xff", "x" * 100_000]:
        assert 0 <= bucket("salt", key) < 10_000
