"""HEAD, at every address that takes GET: the same status and headers, without the body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Pure ASGI layer that passes HEAD on as GET and sends no body.

    For monitors, load balancers and link checkers. Outside of this layer, in log and metrics, it stays HEAD.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # The server's own scope keeps its method: by it the server knows that no body belongs to the Content-Length.
        asked = {**scope, "method": "GET"}
        try:
            await self.app(asked, receive, send_head)
        finally:
            scope.update(asked, method="HEAD")  # what the inner layers noted: route, error, identity
