"""Work that starts when the answer to the current request has been sent."""

from collections.abc import Callable
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

#: A list and not a value, so that every task of a request appends to the same one.
_waiting: ContextVar[list[Callable[[], None]] | None] = ContextVar("after_answer", default=None)


def after_answer(start: Callable[[], None]) -> None:
    """Call ``start`` when the answer to the current request has been sent, or at once outside of a request."""
    waiting = _waiting.get()
    if waiting is None:
        start()
    else:
        waiting.append(start)


class AfterAnswerMiddleware:
    """Pure ASGI layer that starts deferred work when the answer has been sent, or when sending it failed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, then start what was deferred."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        waiting: list[Callable[[], None]] = []
        token = _waiting.set(waiting)
        try:
            await self.app(scope, receive, send)
        finally:
            _waiting.reset(token)
            for start in waiting:
                start()
