"""An attack on a running service, and what others notice of it.

Hostile requests are sent several at a time. Meanwhile `GET /health/live` is asked all the time, and a good picture
again and again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import httpx
import psutil

from tests.gateway.hostile.requests import Request
from tests.support.endpoints import TIMEOUT_S
from tests.support.people import assert_same_boxes, people

#: Hostile requests at a time.
AT_ONCE = 4
#: A good picture is asked with every so many of them.
EVERY = 15
#: The statuses of an answer that is one, or a refusal with a reason (docs/api.md). A 503 says when to try again.
ANSWERED = {200, 400, 413, 415, 422}
#: Promised are 0.1 s for one request on an idle machine. Here several requests and the workers share the processors.
STALL_S = 1.0


class Attack:
    """Ask a gateway for ``GET /health/live`` all the time while the block lasts, and send it hostile requests.

    ``problems`` are the answers that it must not give, and ``statuses`` counts the answers. ``worst_s`` is the longest
    wait for ``GET /health/live``. A wait counts no more than the CPU time that the gateway's process used meanwhile,
    because a busy machine makes it longer.
    """

    def __init__(self, gateway: str, pid: int, picture: bytes) -> None:
        self.problems: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.worst_s = 0.0
        self._gateway, self._picture = gateway, picture
        self._process = psutil.Process(pid)
        self._expected = people(gateway, picture)
        assert len(self._expected) >= 4, "the sample has its people"
        self._over = threading.Event()
        self._polling = threading.Thread(target=self._poll)
        self._client = httpx.Client(base_url=gateway, timeout=TIMEOUT_S, trust_env=False)
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def __enter__(self) -> Self:
        self._polling.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._pool.shutdown(cancel_futures=True)
        self._polling.join()
        self._client.close()

    def send(self, requests: Sequence[Request]) -> None:
        """Send them, and good pictures among them, and wait for all answers."""
        for status, problems in self._pool.map(self._send, range(len(requests)), requests):
            self.statuses[status] += 1
            self.problems += problems

    def ask_good_picture(self) -> None:
        """Check that the sample has its boxes."""
        assert_same_boxes(people(self._gateway, self._picture), self._expected)

    def _send(self, number: int, request: Request) -> tuple[int, list[str]]:
        if number % EVERY == 0:
            self.ask_good_picture()
        answer = self._client.post(request.path, content=request.content, headers=dict(request.headers))
        status = answer.status_code
        if status in ANSWERED or (status == 503 and "retry-after" in answer.headers):
            return status, []
        return status, [f"{request.name}: {status} {answer.text[:200]}"]

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _poll(self) -> None:
        with httpx.Client(base_url=self._gateway, timeout=TIMEOUT_S, trust_env=False) as client:
            while not self._over.wait(0.01):
                began, used = time.monotonic(), self._cpu_s()
                try:
                    status = client.get("/health/live").status_code
                except httpx.HTTPError as error:
                    self.problems.append(f"GET /health/live: {error!r}")
                    return
                self.worst_s = max(self.worst_s, min(time.monotonic() - began, self._cpu_s() - used))
                if status != 200:
                    self.problems.append(f"GET /health/live: {status}")
