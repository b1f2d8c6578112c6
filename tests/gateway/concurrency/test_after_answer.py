"""Work that starts when the answer has been sent, or when sending it failed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.concurrency.after_answer import AfterAnswerMiddleware, after_answer

pytestmark = pytest.mark.anyio


async def test_deferred_work_starts_when_the_answer_is_sent_or_broke() -> None:
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def inside() -> None:
            after_answer(lambda: order.append("after"))

        await asyncio.create_task(inside())  # as a route that may be cancelled does
        await send("answer")
        if scope["path"] == "/broken":
            raise RuntimeError

    async def send(message: Any) -> None:
        order.append(message)

    layer: Any = AfterAnswerMiddleware(app)
    await layer({"type": "http", "path": "/"}, None, send)
    with pytest.raises(RuntimeError):
        await layer({"type": "http", "path": "/broken"}, None, send)
    after_answer(lambda: order.append("at once"))
    assert order == ["answer", "after", "answer", "after", "at once"]
