"""A worker under thousands of mixed requests: the memory it uses at the start is what it uses at the end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.support import huge_png, jpeg, small_models
from tests.support.deployment import BASE
from tests.support.endpoints import HTTP

# Shapes met for the first time are compiled and kept, so the first part is where memory is taken.
REQUESTS = 3_000
WARM = 1_000
CLIENTS = 4


@pytest.fixture
def worker(service, installed) -> Iterator[psutil.Process]:
    """The only worker of a small version: the model's size adds to the time of the test and not to what it finds."""
    with small_models.loaded(service, installed.keep_base(), BASE):
        (described,) = HTTP.get(f"{service.management}/models/yolo/{BASE}", timeout=30).json()
        (worker,) = described["workers"]
        yield psutil.Process(worker["pid"])


def test_a_worker_does_not_grow_over_thousands_of_mixed_requests(service, worker):
    chance = random.Random(5)
    pictures = [jpeg(chance.randint(20, 500), chance.randint(20, 500)) for _ in range(60)]
    pictures += [b"no picture", jpeg(640, 480)[:3000], huge_png()]
    # Small inputs keep the run short; every parameter and many shapes are met all the same.
    choices = [
        {
            "imgsz": chance.choice([32, 64, 96, 128, 160, 192]),
            "conf": chance.choice([0.001, 0.25, 0.9]),
            "max_det": chance.choice([1, 300]),
            "agnostic_nms": chance.choice(["true", "false"]),
        }
        for _ in range(40)
    ]
    plan = [(chance.choice(pictures), chance.choice(choices)) for _ in range(REQUESTS)]

    def send(part):
        with httpx.Client(base_url=service.inference, timeout=60) as client:
            return [
                client.post(f"/yolo/{BASE}/predict", params=query, content=data).status_code for data, query in part
            ]

    def run(part):
        with ThreadPoolExecutor(CLIENTS) as pool:
            shares = [part[start::CLIENTS] for start in range(CLIENTS)]
            return [status for statuses in pool.map(send, shares) for status in statuses]

    statuses = run(plan[:WARM])
    warm = worker.memory_info().rss
    statuses += run(plan[WARM:])
    assert worker.is_running(), "the worker was restarted, which would hide a growth"
    after = worker.memory_info().rss
    print(f"RSS in MB after {WARM} requests: {warm // 10**6}, after {REQUESTS}: {after // 10**6}")
    assert set(statuses) == {200, 400, 413}
    assert after < warm * 1.05
