"""A bound on the bytes of all request bodies that are held at the same moment."""

from prometheus_client import CollectorRegistry, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Overloaded


class UploadMemoryMiddleware:
    """Pure ASGI layer: counts what arrives until its request is answered; the byte too many is refused with 503.

    What counts is what came, not what was declared: a client that promises much and sends nothing takes nobody's room.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, registry: CollectorRegistry) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.held = 0
        gauge = Gauge("gateway_upload_bytes", "Bytes of request bodies held now", registry=registry)
        gauge.set_function(lambda: float(self.held))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, counting its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        mine = 0

        async def counting_receive() -> Message:
            nonlocal mine
            message = await receive()
            if size := len(message.get("body", b"")):
                if self.held + size > self.most_bytes:
                    raise Overloaded("Too many uploads are on their way at the same time; try again in a moment.")
                mine += size
                self.held += size
            return message

        try:
            await self.app(scope, counting_receive, send)
        finally:
            self.held -= mine
