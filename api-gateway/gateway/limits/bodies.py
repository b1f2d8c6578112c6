"""Bounds on request bodies: the memory that all of them take at one moment, and the time that each may take."""

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Overloaded, RequestTimeout
from gateway.intake.body import RESERVE


class UploadMemory:
    """The budget that all requests share. It counts the bytes that have arrived, not those that were declared."""

    def __init__(self, most_bytes: int, registry: CollectorRegistry | None = None) -> None:
        self.most_bytes = most_bytes
        self.held = 0
        if registry is not None:
            gauge = Gauge(
                "gateway_upload_bytes", "Bytes of request bodies and fetched pictures held now", registry=registry
            )
            gauge.set_function(lambda: float(self.held))

    def share(self) -> "Share":
        """Return an empty share; use it as a context manager, or release it."""
        return Share(self)


class Share:
    """The part of the budget that one request has taken; it is given back all at once."""

    def __init__(self, memory: UploadMemory) -> None:
        self._memory = memory
        self._taken = 0

    def take(self, size: int) -> None:
        """Take ``size`` bytes more; raises :class:`~gateway.errors.Overloaded` if fewer are left."""
        if self._memory.held + size > self._memory.most_bytes:
            raise Overloaded("Too many uploads are on their way at the same time; try again in a moment.")
        self._memory.held += size
        self._taken += size

    def release(self) -> None:
        """Give everything back."""
        self._memory.held -= self._taken
        self._taken = 0

    def __enter__(self) -> Self:
        """Return the share itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give everything back."""
        self.release()


@dataclass(frozen=True, slots=True)
class Pace:
    """The slowest permitted body: seconds for all of it, seconds between two pieces, bytes a second."""

    whole_s: float
    gap_s: float
    min_rate: int

    def next_piece_by(self, started: float, now: float, received: int) -> float:
        """Return the deadline of the next piece, on the clock of ``started`` and ``now``."""
        latest = min(started + self.whole_s, now + self.gap_s)
        if self.min_rate:
            latest = min(latest, started + self.gap_s + received / self.min_rate)
        return latest


class BodyLimitsMiddleware:
    """Pure ASGI layer that bounds how slowly a body may come, and counts its bytes until the request is answered.

    Reading the body raises :class:`~gateway.errors.RequestTimeout` when it falls behind ``pace``, and
    :class:`~gateway.errors.Overloaded` when its bytes exceed ``memory``. The clock starts when the body is first read
    and stops with its last piece.
    """

    def __init__(self, app: ASGIApp, memory: UploadMemory, pace: Pace) -> None:
        self.app = app
        self.memory = memory
        self.pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, with a receive that is bounded."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        clock = asyncio.get_running_loop().time
        started: float | None = None
        received = 0
        complete = False
        share = self.memory.share()

        async def bounded_receive() -> Message:
            nonlocal started, received, complete
            if complete:
                return await receive()  # waits for the client to leave, for as long as the answer takes
            now = clock()
            started = now if started is None else started
            try:
                async with asyncio.timeout_at(self.pace.next_piece_by(started, now, received)):
                    message = await receive()
            except TimeoutError as error:
                raise RequestTimeout(
                    f"The body came too slowly: {received} bytes in {clock() - started:.0f} seconds. Send it again "
                    "over a better connection, or send a smaller picture."
                ) from error
            size = len(message.get("body", b""))
            share.take(size)
            received += size
            complete = not message.get("more_body", False)
            return message

        scope[RESERVE] = share.take
        with share:
            await self.app(scope, bounded_receive, send)
