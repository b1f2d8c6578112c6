"""Pictures that are built to be expensive, sent to a real gateway: it answers others meanwhile, and stays small.

`GET /health/live` is asked all the time. The limits are those of docs/security.md, with room for a busy machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.gateway_process import Gateway
from tests.gateway.support.pictures import picture
from tests.gateway.support.watch import Watch
from tests.support.hostile import FORMATS, WEIGHT, hostile
from tests.support.hostile.promises import CONSTANT, COPIES, DRAW_BYTES

#: CPU time of a request without drawing, per megabyte of its body and at least; most of it is the body's journey.
CPU_S, CPU_S_PER_MEGABYTE = 0.1, 0.05
#: Promised are 0.1 s. It counts no more than the CPU time that the gateway uses meanwhile, as `Watch` says.
STALL_S = 0.6


@dataclass
class Running:
    """The gateway's process."""

    url: str
    process: psutil.Process

    def watch(self) -> Watch:
        """Ask it all the time, and leave most of its CPU time to the images."""
        return Watch(self.url, self.process.pid, pause_s=0.01)

    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def highest(self) -> int:
        """Return the most memory that it has taken, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


@pytest.fixture(scope="module")
def running(_running: tuple[FakeTorchServe, str]) -> Iterator[Running]:
    _, backend = _running
    gateway = Gateway(AUTH="off", TORCHSERVE_INFERENCE_URL=backend, TORCHSERVE_MANAGEMENT_URL=backend)
    found = Running(gateway.url(), psutil.Process(gateway.process.pid))
    reading = threading.Thread(target=gateway.process.communicate)
    reading.start()
    for query in ("", "?format=jpeg"):  # what the first image loads
        httpx.post(f"{found.url}/predict{query}", content=picture()).raise_for_status()
    yield found
    gateway.process.terminate()
    reading.join()


@pytest.mark.parametrize("kind", FORMATS)
def test_no_picture_stops_the_gateway(kind: str, running: Running, fake: FakeTorchServe) -> None:
    pictures = hostile(kind)
    assert len(pictures) >= 10
    wrong = []
    before = running.highest()
    with running.watch() as watch, httpx.Client(base_url=running.url, timeout=60) as client:
        for name, data in pictures:
            started = running.cpu_s()
            status = client.post("/predict", content=data, headers={"Content-Type": "image/jpeg"}).status_code
            took_s, most_s = running.cpu_s() - started, CPU_S + len(data) / 1e6 * CPU_S_PER_MEGABYTE
            if status >= 500 or took_s > most_s:
                wrong.append(f"{name}: {status}, {took_s:.2f} s of CPU")
    assert not wrong
    assert watch.cost.stall_s < STALL_S
    assert running.highest() - before < COPIES * max(len(data) for _, data in pictures) + CONSTANT


@pytest.mark.parametrize("kind", FORMATS)
def test_no_drawing_takes_more_than_its_memory(kind: str, running: Running, fake: FakeTorchServe) -> None:
    wrong = []
    before = running.highest()
    with running.watch() as watch, httpx.Client(base_url=running.url, timeout=60) as client:
        for name, data in hostile(kind, WEIGHT // 10):
            status = client.post(
                "/predict?format=jpeg", content=data, headers={"Content-Type": "image/jpeg"}
            ).status_code
            if status >= 500:
                wrong.append(f"{name}: {status}")
    assert not wrong
    assert watch.cost.stall_s < STALL_S
    assert running.highest() - before < DRAW_BYTES + COPIES * WEIGHT + CONSTANT
