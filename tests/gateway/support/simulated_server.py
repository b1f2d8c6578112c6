"""A model server with workers and a queue, simulated on the event loop; see ``virtual_time``."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from gateway.detection.image_header import ImageHeader
from gateway.detection.parameters import NO_PARAMETERS
from gateway.detection.prediction import Prediction
from gateway.detection.request import Answer, Ask, Claim


def ask_of(caller: str = "", *, urgent: bool = True, deadline: float | None = None) -> Ask:
    return Ask(b"", ImageHeader("jpeg", 1, 1), NO_PARAMETERS, caller, claim=Claim(caller, urgent, deadline))


@dataclass
class SimulatedServer:
    """A detector: each worker takes ``service_s`` for one prediction, more or less by ``spread``."""

    workers: int = 2
    service_s: float = 0.1
    way_s: float = 0.004
    spread: float = 0.2
    tells_own_time: bool = True
    busy_s: float = 0.0
    in_flight: int = 0
    most: int = 0
    waiting: int = 0
    begun: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    _busy: int = 0
    _free: asyncio.Condition = field(default_factory=asyncio.Condition)
    _random: random.Random = field(default_factory=lambda: random.Random(7))

    async def detect(self, ask: Ask) -> Answer:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(self.way_s)
            self.waiting += 1
            try:
                async with self._free:
                    await self._free.wait_for(lambda: self._busy < self.workers)
                    self._busy += 1
            finally:
                self.waiting -= 1
            self.begun.append(ask.claim.caller)
            own_s = self.service_s * self._random.uniform(1 - self.spread, 1 + self.spread)
            try:
                await asyncio.sleep(own_s)
            finally:
                self._busy -= 1
                self.busy_s += own_s
                async with self._free:
                    self._free.notify()
        finally:
            self.in_flight -= 1
        self.answered.append(ask.claim.caller)
        timings = {"total": own_s * 1000} if self.tells_own_time else {}
        return Answer(Prediction([], None, "yolo", "1.0", "detect", timings))

    async def scale(self, workers: int) -> None:
        """Change the number of workers."""
        async with self._free:
            self.workers = workers
            self._free.notify_all()
