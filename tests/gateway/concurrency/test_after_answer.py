"""Work that waits until the answer has left, and never for longer than it must."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.cache.detector import CachingDetector
from gateway.cache.metrics import CacheMetrics
from gateway.cache.serving import Serving
from gateway.cache.stores import MemoryStore
from gateway.concurrency import after_answer as module
from gateway.concurrency.after_answer import AfterAnswerMiddleware, after_answer, answer_left
from gateway.detection.image_header import ImageHeader
from gateway.detection.parameters import NO_PARAMETERS
from gateway.detection.prediction import Prediction
from gateway.detection.request import Answer, Ask
from gateway.model_server.base import Served

pytestmark = pytest.mark.anyio


async def request(work: Callable[[], Awaitable[object]], send: Callable[[], Awaitable[object]]) -> None:
    """Run ``work`` as a request, in a task of its own as a route does, then ``send`` its answer."""

    async def app(*_: Any) -> None:
        await asyncio.ensure_future(work())
        await send()

    layer: Any = AfterAnswerMiddleware(app)
    await layer({"type": "http"}, None, None)


async def test_what_is_left_for_later_starts_when_the_answer_is_out_also_when_it_broke() -> None:
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


async def test_what_comes_when_the_answer_has_left_starts_at_once() -> None:
    late: list[asyncio.Task[None]] = []

    async def outlive() -> None:
        await asyncio.sleep(0.05)
        await answer_left()

    async def work() -> None:
        late.append(asyncio.create_task(outlive()))

    await request(work, lambda: asyncio.sleep(0))
    async with asyncio.timeout(module.LONGEST_S / 2):
        await late[0]


async def test_an_answer_that_does_not_leave_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 0.05)
    waited: list[asyncio.Task[None]] = []

    async def work() -> None:
        waited.append(asyncio.create_task(answer_left()))

    async def drop_by_drop() -> None:
        async with asyncio.timeout(5):
            await waited[0]

    await request(work, drop_by_drop)


async def test_an_answer_is_stored_when_it_has_left_and_who_comes_meanwhile_gets_it() -> None:
    told: list[str] = []

    class Inner:
        async def detect(self, ask: Ask) -> Answer:
            told.append("asked")
            return Answer(Prediction([], None, "yolo", "1.0", None))

    class Backend:
        async def served(self, version: str | None = None) -> Served:
            return Served("1.0", "9000@12:00")

    class Told(MemoryStore):
        async def set(self, key: str, value: bytes) -> None:
            told.append("stored")
            await super().set(key, value)

    ask = Ask(b"1", ImageHeader("JPEG", 1, 1), NO_PARAMETERS, "x")
    serving = Serving(Backend())  # type: ignore[arg-type]
    cache = CachingDetector(Inner(), Told(10_000, 60), serving, CacheMetrics(CollectorRegistry()), ("x", "yolo"))

    async def meanwhile() -> None:
        await asyncio.sleep(0.01)
        assert (await asyncio.create_task(cache.detect(ask))).cache == "hit"
        told.append("answered")

    await request(lambda: cache.detect(ask), meanwhile)
    await asyncio.sleep(0.01)
    assert told == ["asked", "answered", "stored"]
    assert (await cache.detect(ask)).cache == "hit"
    await cache.aclose()
