"""Many pictures of one request: sent on a bounded number at once, each with an outcome of its own."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.requests import Request

from gateway.api.body import prediction_body
from gateway.api.detect import load, make_ask
from gateway.api.errors import noted
from gateway.api.services import Services
from gateway.detection.parameters import Parameters
from gateway.detection.request import Answer
from gateway.detection.sources import LONGEST_NAME, Named
from gateway.errors import InternalError
from gateway.http.errors import error_body

#: What is told of a picture: ``index``, ``file``, and the body that /predict would have answered with.
Entry = dict[str, Any]


class Outcome(NamedTuple):
    """What became of one picture; ``answer`` is None for one that has an error."""

    entry: Entry
    answer: Answer | None


#: Takes an outcome as soon as it is there. Called for one at a time.
Emit = Callable[[Outcome], Awaitable[None]]

logger = logging.getLogger("gateway.batch")


async def run_batch(
    request: Request,
    services: Services,
    pictures: tuple[Named, ...],
    parameters: Parameters,
    version: str | None,
    emit: Emit,
) -> None:
    """Find what is in every picture and emit each outcome when it is there; cancelling gives up what is left.

    ``version`` is the model's that the caller named.
    """
    remaining = iter(enumerate(pictures))
    emitting = asyncio.Lock()

    async def work() -> None:
        for index, picture in remaining:
            done = await outcome(request, services, index, picture, parameters, version)
            async with emitting:
                await emit(done)

    workers = [asyncio.create_task(work()) for _ in range(min(services.settings.batch_concurrency, len(pictures)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def outcome(
    request: Request, services: Services, index: int, picture: Named, parameters: Parameters, version: str | None
) -> Outcome:
    """Return one picture's outcome, an error's body included: what is wrong with it stays its own."""
    started = time.perf_counter()
    answer: Answer | None = None
    try:
        with services.uploads.share() as share:
            image = await load(picture.source, services, share)
            ask = make_ask(request, services, image, parameters, version)
            answer = await services.detector.detect(ask)
        took_ms = (time.perf_counter() - started) * 1000
        body = prediction_body(answer.prediction, ask.header, ask.request_id, took_ms)
    except Exception as error:
        answer = None
        api_error = noted(error)
        if isinstance(api_error, InternalError):
            logger.exception("unhandled error", extra={"index": index})
        body = error_body(api_error)
    place = {"index": index, "file": _encodable(picture.name[:LONGEST_NAME])}
    return Outcome({**place, **body, **place}, answer)  # they stand first, and nothing replaces them


def _encodable(name: str) -> str:
    """Return the name without halves of surrogate pairs, which JSON can smuggle in and UTF-8 cannot write."""
    return name.encode("utf-8", "replace").decode()
