"""More clients than the real service can answer: it answers as many as ever, none waits long, the rest is refused."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from statistics import median

import httpx

from tests.native.checkout import Checkout
from tests.support import clients

FEW, MANY, SECONDS = 4, 32, 8
WAIT_S = 2


@dataclass
class Measured:
    """What clients got in the time of a phase: seconds of answers and of refusals."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)


def measure(service: Checkout, count: int) -> Measured:
    """Let so many clients ask without a pause, and after a refusal wait as long as it says."""
    found, over = Measured(), threading.Event()
    picture = (service.root / "samples/street.jpg").read_bytes()

    def ask() -> httpx.Response:
        sent = time.monotonic()
        answer = httpx.post(f"{service.gateway}/predict", content=picture, timeout=60, trust_env=False)
        took = time.monotonic() - sent
        assert answer.status_code in (200, 503), answer.text
        if over.is_set():
            return answer
        if answer.status_code == 200:
            found.answered.append(took)
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


def test_many_clients_get_as_many_answers_as_few_and_none_of_them_late(service: Checkout) -> None:
    measure(service, FEW)  # the limit is found
    few = measure(service, FEW)
    many = measure(service, MANY)
    assert not few.refused
    assert len(many.answered) > 0.6 * len(few.answered)
    assert max(many.answered) < WAIT_S + 10 * median(few.answered)
    scraped = httpx.get(f"{service.gateway}/metrics", trust_env=False).text
    places = next(line for line in scraped.splitlines() if line.startswith("gateway_admission_places{"))
    assert float(places.split()[-1]) < 16
