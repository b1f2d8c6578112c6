"""Work that waits until the answer has left, whichever route is answering."""

from collections.abc import Callable
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

#: A list and not a value: what is found below in another task is put into the same list.
_pending: ContextVar[list[Callable[[], None]] | None] = ContextVar("after_answer", default=None)


def after_answer(start: Callable[[], None]) -> None:
    """Call ``start`` once the answer to the present request has left, or at once outside of a request."""
    pending = _pending.get()
    if pending is None:
        start()
    else:
        pending.append(start)


class AfterAnswerMiddleware:
    """Pure ASGI layer that starts what was left for later when the answer is out, or will never be."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, then start what was left."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        pending: list[Callable[[], None]] = []
        token = _pending.set(pending)
        try:
            await self.app(scope, receive, send)
        finally:
            _pending.reset(token)
            for start in pending:
                start()
