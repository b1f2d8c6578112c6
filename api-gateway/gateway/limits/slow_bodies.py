"""Request bodies that come drop by drop are given up."""

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import RequestTimeout


@dataclass(frozen=True, slots=True)
class Pace:
    """What a body has to keep up with: seconds for all of it, seconds between two pieces, bytes a second."""

    whole_s: float
    gap_s: float
    min_rate: int

    def next_piece_by(self, started: float, now: float, received: int) -> float:
        """Return the moment by which the next piece has to be there, on the clock of ``started`` and ``now``."""
        latest = min(started + self.whole_s, now + self.gap_s)
        if self.min_rate:
            latest = min(latest, started + self.gap_s + received / self.min_rate)
        return latest


class SlowBodyMiddleware:
    """Pure ASGI layer: waiting for the body ends with :class:`~gateway.errors.RequestTimeout` when it falls behind.

    The clock starts when the body is first asked for, and stops with its last piece.
    """

    def __init__(self, app: ASGIApp, pace: Pace) -> None:
        self.app = app
        self.pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, with a receive that gives up."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        clock = asyncio.get_running_loop().time
        started: float | None = None
        received = 0
        complete = False

        async def timed_receive() -> Message:
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
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            return message

        await self.app(scope, timed_receive, send)
