"""The simulated service: what arithmetic knows, and what it does not. Its randomness is seeded."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.capacity.checked import CHECKED
from benchmarks.capacity.scenes import Pool, lost_zone, rising, throughput
from benchmarks.capacity.service import Service
from tests.unit.benchmarks.capacity.test_sizing import COSTS

POOL = Pool(servers=3, workers=1, cpus=1.0, gateways=1)


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_waiting_clients_keep_every_worker_busy(servers: int) -> None:
    assert throughput(COSTS, servers, 1, 1.0, clients=8, seconds=60) == pytest.approx(servers * 10, rel=0.05)


def test_half_a_cpu_takes_twice_as_long_and_one_client_keeps_one_worker_busy() -> None:
    assert throughput(COSTS, 1, 1, 0.5, clients=4, seconds=60) == pytest.approx(5, rel=0.05)
    assert throughput(COSTS, 3, 1, 1.0, clients=1, seconds=60) == pytest.approx(1 / 0.104, rel=0.05)


def test_a_gateway_process_is_the_limit_where_images_cost_little() -> None:
    cheap = dataclasses.replace(COSTS, server_s=0.001)
    assert throughput(cheap, 8, 1, 1.0, clients=32, seconds=20) == pytest.approx(250, rel=0.05)


def test_what_waits_too_long_is_refused_at_once_and_the_answers_stay_in_time() -> None:
    service = Service(COSTS, gateways=1, max_wait_s=2.0, jitter=0.3)
    service.add_server(1, 1.0)
    service.env.process(service.open_loop(50, 60))
    service.env.run(65)
    answered = [one.took_s for one in service.outcomes if one.is_answered]
    refused = [one.took_s for one in service.outcomes if not one.is_answered]
    assert len(answered) / 60 == pytest.approx(10, rel=0.1)
    assert max(answered) < 2.0 + 4 * COSTS.server_s
    assert max(refused) < 0.1


def test_requests_are_shared_evenly() -> None:
    service = POOL.start(COSTS)
    for _ in range(8):
        service.env.process(service.closed_loop(60))
    service.env.run(60)
    answered = [server.answered for server in service.servers]
    assert max(answered) - min(answered) <= 0.05 * sum(answered) / 3


def test_a_server_that_is_lost_loses_no_request() -> None:
    service = POOL.start(COSTS)
    service.env.process(service.open_loop(15, 30))
    service.env.run(10)
    lost = next(server for server in service.servers if server.running)
    service.lose(lost)
    service.env.run(60)
    assert all(one.is_answered for one in service.outcomes)
    assert all(server.outstanding == 0 for server in service.servers)


def test_a_lost_zone_is_carried_by_the_others_as_long_as_they_have_room() -> None:
    _, carried = lost_zone(COSTS, POOL, zones=3, load=0.5)
    _, too_much = lost_zone(COSTS, POOL, zones=3, load=0.9)
    assert carried.refused == 0
    assert 0.15 < too_much.refused < 0.4  # 0.9 of three on two
    assert too_much.answers_per_s == pytest.approx(20, rel=0.1)


def test_an_autoscaler_follows_a_load_that_rises() -> None:
    step = rising(COSTS, POOL, load=1.5, target=0.7, start_s=30)
    assert step.after.refused > 0.1  # until the first servers have come
    assert step.at_the_end.refused == 0
    assert 6 <= step.servers <= 9  # 1.5 / 0.7 of three, and what the autoscaler tolerates
    assert 30 < step.settled_s < 240


def test_what_was_measured_is_predicted() -> None:
    for simulated, measured in zip(CHECKED.simulated(), CHECKED.rates, strict=True):
        assert simulated == pytest.approx(measured, rel=0.15)
