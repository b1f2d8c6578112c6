"""What a gateway process does to others while it answers: how long it keeps them waiting, its memory, its CPU time."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psutil


@dataclass(frozen=True)
class Cost:
    """What happened during a block, in seconds and bytes. ``stall_s`` is the longest wait for ``GET /health/live``.

    A busy machine makes a wait longer, not the CPU time that the gateway uses meanwhile. So a wait counts no more than
    that CPU time, which the kernel tells in hundredths of a second.
    """

    stall_s: float
    cpu_s: float
    memory: int


class Watch:
    """Asks a gateway for ``GET /health/live`` all the time while the block lasts; ``cost`` is known after it."""

    def __init__(self, url: str, pid: int, pause_s: float = 0.003) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._process, self._pause_s = psutil.Process(pid), pause_s
        self._done = threading.Event()
        self._asking = threading.Thread(target=self._ask)
        self._stall_s = 0.0
        self._failure: Exception | None = None
        self.cost = Cost(0.0, 0.0, 0)

    def __enter__(self) -> Self:
        self._cpu_s, self._memory = self._cpu(), self._process.memory_info().rss
        self._peak = self._memory
        self._asking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._asking.join()
        if self._failure is not None:
            raise self._failure
        self.cost = Cost(self._stall_s, self._cpu() - self._cpu_s, self._peak - self._memory)

    def _cpu(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _ask(self) -> None:
        try:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
            while not self._done.is_set():
                used, began = self._cpu(), time.monotonic()
                connection.request("GET", "/health/live")
                answer = connection.getresponse()
                answer.read()
                waited, used = time.monotonic() - began, self._cpu() - used
                assert answer.status == 200, answer.status
                self._stall_s = max(self._stall_s, min(waited, used))
                self._peak = max(self._peak, self._process.memory_info().rss)
                self._done.wait(self._pause_s)
            connection.close()
        except Exception as error:
            self._failure = error
