"""A request id for every request: the caller's if it is sane, else a new one; in every answer, log line and call on."""

import re
import uuid
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.headers import REQUEST_ID_HEADER

#: Narrow on purpose: an id ends up in headers and logs of other systems too.
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_KEY = REQUEST_ID_HEADER.lower().encode()

_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """Return the id of the request being answered in this task, or None outside of one."""
    return _current.get()


def choose_request_id(offered: bytes | None) -> str:
    """Take the caller's id if it is 1 to 64 of ``A-Za-z0-9._-``; otherwise make one (32 hexadecimal digits)."""
    if offered is not None and _SANE.fullmatch(offered):
        return offered.decode("ascii")
    return uuid.uuid4().hex


class RequestIdMiddleware:
    """Pure ASGI layer that sets the id for all below it and adds the header to the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose the id, pass the call on, put the id on its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered = next((value for name, value in scope["headers"] if name == _KEY), None)
        request_id = choose_request_id(offered)
        header = (_KEY, request_id.encode("ascii"))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        token = _current.set(request_id)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _current.reset(token)
