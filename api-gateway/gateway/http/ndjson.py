"""An answer sent line by line while the work goes on; the work stops when the client leaves."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.errors import ClientClosed
from gateway.http.caller import ERROR_CODE
from gateway.http.disconnect import unless_client_leaves
from gateway.strict_json import compact

#: Sends an object as a line.
WriteLine = Callable[[Any], Awaitable[None]]
#: Does the work, handing over each object that is to be a line.
Work = Callable[[WriteLine], Awaitable[None]]


class LinesResponse(Response):
    """Newline-delimited JSON. The status is sent before the work begins, so a failure is a line of its own."""

    def __init__(self, request: Request, work: Work, media_type: str) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        # A proxy that collects the answer before it passes it on would make streaming pointless; nginx reads this.
        self.headers["x-accel-buffering"] = "no"
        self._request = request
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then each line as it comes."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def line(entry: Any) -> None:
            await send({"type": "http.response.body", "body": compact(entry) + b"\n", "more_body": True})

        async def work() -> None:
            await self._work(line)

        try:
            await unless_client_leaves(self._request, work())
        except ClientDisconnect:
            scope[ERROR_CODE] = ClientClosed.code
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
