"""How many of what a rate takes: the arithmetic."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.run import most, needs
from benchmarks.capacity.sizing import Machine, limits, need

COSTS = Costs(
    server_s=0.1, gateway_s=0.004, refusal_s=0.001, redis_s=0.0005, edge_s=0.001, image_bytes=124_000,
    answer_bytes=1_000,
)  # fmt: skip
MACHINE = Machine(cpus=10, network_bps=1e9, utilisation=0.5)


def test_a_rate_takes_its_cpu_time_at_the_utilisation() -> None:
    found = need(1000, COSTS, MACHINE)
    assert found.server_cpus == pytest.approx(200)
    assert (found.server_machines, found.gateways) == (20, 8)
    assert (found.redis_cpus, found.edge_cpus) == pytest.approx((1.0, 2.0))
    assert found.network_bps == pytest.approx(1e9)


def test_a_small_rate_takes_one_of_each() -> None:
    found = need(0.1, COSTS, MACHINE)
    assert (found.server_machines, found.gateways) == (1, 1)


def test_the_part_that_can_do_least_comes_first() -> None:
    found = limits(COSTS, MACHINE)
    assert found[0] == ("a machine of TorchServe", pytest.approx(50))
    assert dict(found)["the one Redis"] == pytest.approx(1000)
    assert dict(found)["a machine's network"] == pytest.approx(500)
    cheap = dataclasses.replace(COSTS, server_s=0.001)
    assert limits(cheap, MACHINE)[0] == ("a gateway process", pytest.approx(125))


def test_the_tables_say_the_same() -> None:
    assert needs(COSTS, MACHINE, [1000])[1] == ["1,000", "200.0", "20", "8", "1.00", "2.00", "1.00"]
    assert most(COSTS, MACHINE)[1] == ["a machine of TorchServe", "50"]
