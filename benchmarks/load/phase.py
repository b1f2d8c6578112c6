"""One measurement of the load generator: its requests, its connections and what they returned."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.load.http_client import TIMEOUT_S, Connection, RequestFailed
from benchmarks.load.target import Target


@dataclass
class Measured:
    """The result of a phase. `latencies_ms` are those of answers with status 200 within the window of `window_s`.

    `answered` also counts the answers outside the window; `client_cpu_s` is this process's CPU time for all of them.
    `answers` holds the last body per image, checked after the measurement. `late_ms` is the longest delay of a request
    of an open loop between its due time and its hand-over to a connection or to the queue.
    """

    latencies_ms: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    window_s: float = 0.0
    answered: int = 0
    client_cpu_s: float = 0.0
    late_ms: float = 0.0
    answers: dict[int, str] = field(default_factory=dict)


class Phase:
    """The requests, connections and answers of one measurement against one server."""

    def __init__(
        self, target: Target, images: list[Path], timeout_s: float = TIMEOUT_S, source: str | None = None
    ) -> None:
        self.target = target
        self.timeout_s = timeout_s
        self.source = source
        self.requests = [target.request(image) for image in images]
        self.turn = count()
        self.idle: list[Connection] = []
        self.errors: Counter[str] = Counter()
        self.done: list[tuple[float, float]] = []  # (time of the answer, latency in s)
        self.answers: dict[int, bytes] = {}
        self.outcomes: list[tuple[float, float, str]] = []  # (due time, duration in s, status or kind of error)

    async def send_next(self, due: float) -> float:
        """Send the next image and record the latency since `due`. A failure is counted by its kind.

        Returns the seconds that the server asks its client to wait before another request (Retry-After), else 0.
        """
        image = next(self.turn) % len(self.requests)
        try:
            async with asyncio.timeout(self.timeout_s):
                connection = await self._connection()
                try:
                    answer = await connection.send(self.requests[image])
                except BaseException:
                    connection.close()
                    raise
        except TimeoutError:
            self._fail("timeout", due)
            return 0.0
        except RequestFailed as error:
            self._fail(type(error).__name__, due)
            await asyncio.sleep(0.01)  # do not retry in a tight loop while the server refuses
            return 0.0
        now = time.perf_counter()
        if connection.alive:
            self.idle.append(connection)
        self.outcomes.append((due, now - due, str(answer.status)))
        if answer.status == 200:
            self.done.append((now, now - due))
            self.answers[image] = answer.body
        else:
            self.errors[str(answer.status)] += 1
        retry_after = answer.headers.get("retry-after", "")
        return float(retry_after) if retry_after.isdecimal() else 0.0

    def _fail(self, kind: str, due: float) -> None:
        self.errors[kind] += 1
        self.outcomes.append((due, time.perf_counter() - due, kind))

    async def _connection(self) -> Connection:
        while self.idle:
            connection = self.idle.pop()
            if connection.alive:
                return connection
        return await Connection.open(self.target.host, self.target.port, self.source)

    def close(self) -> None:
        """Close all connections."""
        for connection in self.idle:
            connection.close()

    def finish(self, begin: float, end: float, cpu_s: float, late_s: float = 0.0) -> Measured:
        """Close all connections. Return the answers from `begin` to `end`."""
        self.close()
        return Measured(
            latencies_ms=[round(latency * 1000, 3) for at, latency in self.done if begin < at <= end],
            errors=dict(self.errors),
            window_s=end - begin,
            answered=len(self.done),
            client_cpu_s=cpu_s,
            late_ms=round(late_s * 1000, 3),
            answers={image: body.decode("utf-8", "replace") for image, body in sorted(self.answers.items())},
        )
