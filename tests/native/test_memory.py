"""Workers under thousands of mixed requests: what they take at the start is what they take at the end."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.support import huge_png, jpeg

# For each worker. Shapes met for the first time are compiled and kept, so the first part is where memory is taken.
REQUESTS = 5_000
WARM = 2_000
CLIENTS = 4


def test_no_worker_grows_over_five_thousand_mixed_requests(service):
    chance = random.Random(5)
    pictures = [jpeg(chance.randint(20, 900), chance.randint(20, 900)) for _ in range(60)]
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
    workers = service.processes("model_service_worker.py")
    plan = [(chance.choice(pictures), chance.choice(choices)) for _ in range(REQUESTS * len(workers))]
    warm_part = WARM * len(workers)

    def send(part):
        with httpx.Client(base_url=service.inference, timeout=60) as client:
            return [client.post("/models/yolo/invoke", params=query, content=data).status_code for data, query in part]

    def run(part):
        with ThreadPoolExecutor(CLIENTS) as pool:
            shares = [part[start::CLIENTS] for start in range(CLIENTS)]
            return [status for statuses in pool.map(send, shares) for status in statuses]

    statuses = run(plan[:warm_part])
    warm = [worker.memory_info().rss for worker in workers]
    statuses += run(plan[warm_part:])
    assert all(worker.is_running() for worker in workers), "a worker was restarted, which would hide a growth"
    after = [worker.memory_info().rss for worker in workers]
    print(
        f"RSS in MB after {WARM} each: {[size // 10**6 for size in warm]}, after {REQUESTS}: "
        f"{[size // 10**6 for size in after]}"
    )
    assert set(statuses) == {200, 400, 413}
    for before, then in zip(warm, after, strict=True):
        assert then < before * 1.05
