"""A bound on the bytes of all request bodies and fetched pictures that are held at the same moment."""

from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Overloaded


class UploadMemory:
    """The budget that all requests share. What counts is what came, not what was declared or may come."""

    def __init__(self, most_bytes: int, registry: CollectorRegistry | None = None) -> None:
        self.most_bytes = most_bytes
        self.held = 0
        if registry is not None:
            gauge = Gauge(
                "gateway_upload_bytes", "Bytes of request bodies and fetched pictures held now", registry=registry
            )
            gauge.set_function(lambda: float(self.held))

    def share(self) -> "Share":
        """Return a share, still empty; use it as a context manager, or release it."""
        return Share(self)


class Share:
    """What one holder has taken of the budget; all of it comes back at once."""

    def __init__(self, memory: UploadMemory) -> None:
        self._memory = memory
        self._taken = 0

    def take(self, size: int) -> None:
        """Take so many bytes more; raises :class:`~gateway.errors.Overloaded` if that is more than is left."""
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


class UploadMemoryMiddleware:
    """Pure ASGI layer: counts what arrives until its request is answered; the byte too many is refused with 503.

    A client that promises much and sends nothing takes nobody's room.
    """

    def __init__(self, app: ASGIApp, memory: UploadMemory) -> None:
        self.app = app
        self.memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, counting its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        share = self.memory.share()

        async def counting_receive() -> Message:
            message = await receive()
            if size := len(message.get("body", b"")):
                share.take(size)
            return message

        with share:
            await self.app(scope, counting_receive, send)
