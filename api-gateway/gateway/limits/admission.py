"""The way to the model server: as many predictions as keep it busy, a fair queue, and a refusal at once beyond.

::

    require_chance   before the body is read: would its turn come in time?
    detect ─▶ place free ───────────────────────────────▶ model server ─▶ ConcurrencyLimit learns
         └──▶ require_chance ─▶ FairQueue ─▶ its turn ─┘
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.detection.request import Answer, Ask, Claim, Detector
from gateway.errors import Overloaded
from gateway.http.headers import TIMEOUT_HEADER
from gateway.limits.concurrency_limit import ConcurrencyLimit
from gateway.limits.fair_queue import FairQueue
from gateway.limits.held_place import HeldPlace
from gateway.limits.room import Room
from gateway.model_server.base import Readiness
from gateway.model_server.errors import BackendOverloaded

#: The share of its time that a request may wait by estimate: a refusal after waiting is worse than one at once.
CONFIDENCE = 0.8
TOO_LATE = f"The server is at capacity: the answer would come later than {TIMEOUT_HEADER} allows."


@dataclass(eq=False, slots=True)
class _Waiter:
    """A request in the queue; ``turn`` has a result when it may go, or the reason why it may not."""

    claim: Claim
    turn: asyncio.Future[None]
    is_queued: bool = True


class AdmittingDetector:
    """Lets requests of one model through to ``inner`` when it is their turn.

    Raises :class:`~gateway.errors.Overloaded`. A request whose client leaves is cancelled: it leaves the queue, or
    frees its place.
    """

    def __init__(self, inner: Detector, room: Room, readiness: Callable[[], Readiness], model: str) -> None:
        self._inner = inner
        self._room = room
        self._model = model
        self._limit = ConcurrencyLimit(room.most_in_flight, readiness)
        self._in_flight = 0
        self._held = HeldPlace(room.serve)
        self.queue: FairQueue[_Waiter] = FairQueue()
        room.places.labels(model).set_function(lambda: float(self._limit.places))

    async def require_chance(self, claim: Claim) -> None:
        """Raise :class:`~gateway.errors.Overloaded` if the turn of such a request would come too late.

        Where refusals are many, this takes up to a second.
        """
        try:
            self._check_chance(claim)
        except Overloaded:
            now = asyncio.get_running_loop().time()
            if delay_s := self._room.refusals.delay_s(now, self._limit.interval_s):
                await asyncio.sleep(delay_s)
            raise

    def _check_chance(self, claim: Claim) -> None:
        has_place = not len(self.queue) and self._has_place()
        turn_s = 0.0 if has_place else (self.queue.ahead(claim.caller, claim.urgent) + 1) * self._limit.interval_s
        wait_s = self._room.wait_s(claim) * CONFIDENCE
        if self._is_too_late(claim, asyncio.get_running_loop().time() + turn_s):
            raise self._room.refusal("deadline", TOO_LATE)
        if turn_s > wait_s:
            message = f"The server is at capacity: the wait would be {turn_s:.1f} seconds. Try again in a moment."
            raise self._room.refusal("estimate", message, turn_s - wait_s)
        if not has_place and self._room.is_full and self.queue.pushed_out(claim.caller, claim.urgent) is None:
            raise self._room.refusal("full", retry_after_s=turn_s)

    async def detect(self, ask: Ask) -> Answer:
        """Wait for a turn, then ask."""
        await self._take(ask.claim)
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            answer = await self._inner.detect(ask)
        except BackendOverloaded:
            self._limit.overloaded(clock())
            raise
        else:
            own_ms = answer.prediction.timings_ms.get("total")
            own_s = None if own_ms is None else own_ms / 1000
            self._limit.answered(clock() - began, own_s, self._in_flight, clock())
            self._hold_for(ask.claim)
            return answer
        finally:
            self._release()

    def serve(self) -> bool:
        """Let requests through as far as there are places; return whether there were any."""
        served = False
        while len(self.queue) and self._has_place():
            waiter = self.queue.pop()
            waiter.is_queued = False
            if waiter.turn.done():  # its client left at this moment
                continue
            if self._is_too_late(waiter.claim, asyncio.get_running_loop().time()):
                waiter.turn.set_exception(self._room.refusal("deadline", TOO_LATE))
                continue
            self._begin()
            waiter.turn.set_result(None)
            served = True
        self._room.note(self)
        return served

    async def aclose(self) -> None:
        """Remove the model from the metrics."""
        self._held.end()
        self._room.places.remove(self._model)

    def _has_place(self) -> bool:
        return (
            self._in_flight + self._held.count < self._limit.places and self._room.in_flight < self._room.most_in_flight
        )

    def _is_too_late(self, claim: Claim, turn: float) -> bool:
        """Return whether an answer that is begun at this time comes too late. Without other work this is tried."""
        return claim.deadline is not None and turn + (self._limit.slow_s if self._in_flight else 0) > claim.deadline

    async def _take(self, claim: Claim) -> None:
        """Take a place, waiting for it if necessary."""
        await self.require_chance(claim)
        if not len(self.queue) and self._has_place():
            self._begin()
            return
        if self._room.is_full and (pushed_out := self.queue.pushed_out(claim.caller, claim.urgent)) is not None:
            self._leave(pushed_out)
            pushed_out.turn.set_exception(self._room.refusal("full"))
        loop = asyncio.get_running_loop()
        waiter = _Waiter(claim, loop.create_future())
        self.queue.add(claim.caller, claim.urgent, waiter)
        self._room.note(self)
        if self._held.is_for(claim.caller):
            self._held.end()
            self._room.serve()
        latest = loop.time() + self._room.wait_s(claim)
        try:
            async with asyncio.timeout_at(latest if claim.deadline is None else min(latest, claim.deadline)):
                await waiter.turn
        except TimeoutError as error:
            self._give_up(waiter)
            is_late = claim.deadline is not None and claim.deadline < latest
            raise self._room.refusal("deadline", TOO_LATE) if is_late else self._room.refusal("waited") from error
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise

    def _give_up(self, waiter: _Waiter) -> None:
        """Leave the queue, or free the place that was given at the same moment."""
        if waiter.is_queued:
            self._leave(waiter)
        elif not waiter.turn.cancelled() and waiter.turn.exception() is None:
            self._release()

    def _leave(self, waiter: _Waiter) -> None:
        self.queue.remove(waiter.claim.caller, waiter.claim.urgent, waiter)
        waiter.is_queued = False
        self._room.note(self)

    def _begin(self) -> None:
        self._in_flight += 1
        self._room.in_flight += 1

    def _hold_for(self, claim: Claim) -> None:
        """Keep the place that becomes free now for the caller, unless its next request waits or a worker would idle."""
        others_wait = len(self.queue) and not self.queue.has(claim.caller, claim.urgent)
        if claim.urgent and others_wait and self._limit.keeps_busy(self._in_flight - 1):
            self._held.hold(claim.caller, self._limit.took_s)

    def _release(self) -> None:
        self._in_flight -= 1
        self._room.in_flight -= 1
        if not self._limit.keeps_busy(self._in_flight):
            self._held.end()
        self._room.serve()
