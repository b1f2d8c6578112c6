"""Work that waits until the answer has left, whichever route is answering."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

#: Seconds after which nobody waits any longer for an answer to leave: its client may take it drop by drop.
LONGEST_S = 1.0


class _Answer:
    """The answer to one request, and what is to be started when it has left."""

    def __init__(self) -> None:
        self.left = False
        self.waiting: list[Callable[[], None]] = []


#: An object and not a value: what is found below in another task is put into the same one.
_present: ContextVar[_Answer | None] = ContextVar("after_answer", default=None)


def after_answer(start: Callable[[], None]) -> None:
    """Call ``start`` once the answer to the present request has left, or at once if it has, or outside of a request."""
    answer = _present.get()
    if answer is None or answer.left:
        start()
    else:
        answer.waiting.append(start)


async def answer_left() -> None:
    """Return when the answer to the present request has left, at the latest after ``LONGEST_S``."""
    left = asyncio.Event()
    after_answer(left.set)
    if not left.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                await left.wait()


class AfterAnswerMiddleware:
    """Pure ASGI layer that starts what was left for later when the answer is out, or will never be."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, then start what was left."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer()
        token = _present.set(answer)
        try:
            await self.app(scope, receive, send)
        finally:
            _present.reset(token)
            answer.left = True
            for start in answer.waiting:
                start()
