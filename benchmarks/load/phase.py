"""One measurement of the load generator: its connections, and what came back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.load.http_client import Connection, RequestFailed, Target

TIMEOUT_S = 30.0


@dataclass
class Measured:
    """What one phase gave. Latencies in ms of answered requests (status 200) alone; `window_s` is what rates refer to.

    `answered` counts all answers, those outside the window too; `client_cpu_s` is this process's own CPU time for them.
    `answers` is the last body per picture, to be checked off the clock; `late_ms` how late, at worst, an open loop's
    request was handed to its connection or queue.
    """

    latencies_ms: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    window_s: float = 0.0
    answered: int = 0
    client_cpu_s: float = 0.0
    late_ms: float = 0.0
    answers: dict[int, str] = field(default_factory=dict)


class Phase:
    """One measurement against one server: requests, connections and what came back."""

    def __init__(self, target: Target, pictures: list[Path], timeout_s: float = TIMEOUT_S) -> None:
        self.target = target
        self.timeout_s = timeout_s
        self.requests = [target.request(picture) for picture in pictures]
        self.turn = count()
        self.idle: list[Connection] = []
        self.errors: Counter[str] = Counter()
        self.done: list[tuple[float, float]] = []  # (answered at, latency in s)
        self.answers: dict[int, bytes] = {}

    async def ask(self, due: float) -> None:
        """Send the next picture and note the latency since `due`; a failure is counted by its kind."""
        picture = next(self.turn) % len(self.requests)
        try:
            async with asyncio.timeout(self.timeout_s):
                connection = await self._connection()
                try:
                    answer = await connection.send(self.requests[picture])
                except BaseException:
                    connection.close()
                    raise
        except TimeoutError:
            self.errors["timeout"] += 1
            return
        except RequestFailed as error:
            self.errors[type(error).__name__] += 1
            await asyncio.sleep(0.01)  # a server that refuses must not be asked in a tight loop
            return
        now = time.perf_counter()
        if connection.alive:
            self.idle.append(connection)
        if answer.status == 200:
            self.done.append((now, now - due))
            self.answers[picture] = answer.body
        else:
            self.errors[str(answer.status)] += 1

    async def _connection(self) -> Connection:
        while self.idle:
            connection = self.idle.pop()
            if connection.alive:
                return connection
        return await Connection.open(self.target.host, self.target.port)

    def close(self) -> None:
        """Close all connections."""
        for connection in self.idle:
            connection.close()

    def measured(self, begin: float, end: float, cpu_s: float) -> Measured:
        """Return what was answered from `begin` to `end`."""
        inside = [(at, latency) for at, latency in self.done if begin < at <= end]
        return Measured(
            latencies_ms=[round(latency * 1000, 3) for _, latency in inside],
            errors=dict(self.errors),
            window_s=end - begin,
            answered=len(self.done),
            client_cpu_s=cpu_s,
            answers={picture: body.decode("utf-8", "replace") for picture, body in sorted(self.answers.items())},
        )
