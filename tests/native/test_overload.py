"""More clients than the real service can answer: it answers as many as ever, none waits long, the rest is refused."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from statistics import median

import httpx

from tests.native.checkout import Checkout
from tests.support import clients
from tests.support.endpoints import HTTP

FEW, MANY, SECONDS = 4, 32, 6
WAIT_S = 2


@dataclass
class Measured:
    """What clients got in the time of a phase: seconds of answers and of refusals, and the work that this was."""

    answered: list[float] = field(default_factory=list)
    worked_s: float = 0  # of the model server
    refused: list[float] = field(default_factory=list)


def measure(gateway: str, picture: bytes, count: int) -> Measured:
    """Let so many clients ask without a pause, and after a refusal wait as long as it says."""
    found, over = Measured(), threading.Event()

    def ask() -> httpx.Response:
        sent = time.monotonic()
        answer = HTTP.post(f"{gateway}/predict", content=picture, timeout=60)
        took = time.monotonic() - sent
        assert answer.status_code in (200, 503), answer.text
        if over.is_set():
            return answer
        if answer.status_code == 200:
            found.answered.append(took)
            found.worked_s += answer.json()["timings_ms"]["model_server"] / 1000
        else:
            assert answer.json()["error"]["code"] == "overloaded"
            found.refused.append(took)
            over.wait(int(answer.headers["retry-after"]))
        return answer

    with clients(count, ask, pause_s=0) as load:
        time.sleep(SECONDS)
        over.set()
    assert load.statuses <= {200, 503}
    return found


def test_many_clients_keep_the_workers_as_busy_as_few_and_are_not_answered_late(demo: Checkout) -> None:
    picture = (demo.root / "samples/street.jpg").read_bytes()
    with demo.second_gateway(MAX_WAIT_S=str(WAIT_S)) as url:
        measure(url, picture, FEW)  # the limit is found
        few = measure(url, picture, FEW)
        many = measure(url, picture, MANY)
        scraped = HTTP.get(f"{url}/metrics").text
    assert few.answered
    assert many.worked_s > 0.7 * few.worked_s  # not the number of answers: other rings take processors now and then
    assert sorted(many.answered)[int(0.9 * len(many.answered))] < WAIT_S + 10 * median(few.answered)
    places = next(line for line in scraped.splitlines() if line.startswith("gateway_admission_places{"))
    assert float(places.split()[-1]) < 16
