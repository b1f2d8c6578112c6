"""Several images of one request: a bounded number at a time, each with an outcome of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request

from gateway.api.answer_json import prediction_json
from gateway.api.ask import make_ask
from gateway.api.predict.failure import failure
from gateway.api.predict.several import ask_each
from gateway.api.predict.stages import detect
from gateway.api.services import Services
from gateway.concurrency.bounded import run_bounded
from gateway.detection.parameters import Parameters
from gateway.detection.request import Answer
from gateway.http.caller import caller_of
from gateway.intake.sources import LONGEST_NAME, NamedImage, decode, load_image
from gateway.models.line import Line
from gateway.second_stage.wish import Wish

#: ``index``, ``file``, and the body that /predict would have answered with.
Entry = dict[str, Any]


class Outcome(NamedTuple):
    """The result of one image; ``answers`` are empty after an error."""

    entry: Entry
    answers: Sequence[Answer]


#: Receives each outcome as soon as it is available, one at a time.
Emit = Callable[[Outcome], Awaitable[None]]


async def run_batch(
    request: Request,
    services: Services,
    images: tuple[NamedImage, ...],
    parameters: Parameters,
    version: str | None,
    models: Sequence[Line],
    wish: Wish | None,
    emit: Emit,
) -> None:
    """Detect the objects in every image and emit each outcome; cancellation stops the rest.

    ``version`` is the requested one, ``models`` the asked ones; ``wish`` is what is asked of the second stage.
    """
    emitting = asyncio.Lock()

    async def work(place: tuple[int, NamedImage]) -> None:
        done = await outcome(request, services, *place, parameters, version, models, wish)
        async with emitting:
            await emit(done)

    await run_bounded(work, enumerate(images), min(services.settings.batch_concurrency, len(images)))


async def outcome(
    request: Request,
    services: Services,
    index: int,
    sent: NamedImage,
    parameters: Parameters,
    version: str | None,
    models: Sequence[Line],
    wish: Wish | None,
) -> Outcome:
    """Return one image's outcome; an error concerns this image alone."""
    started, caller = time.perf_counter(), caller_of(request.scope)
    answers: Sequence[Answer] = ()
    try:
        with services.uploads.share() as share:
            source = await decode(sent.source, services.settings.max_body_bytes)
            image = await load_image(source, services.fetcher, share.take, caller)
            await asyncio.sleep(0)  # so that the headers of many images do not keep other requests waiting
            ask = make_ask(request, services, image, parameters, version, models[0].name, urgent=False)
            if len(models) > 1:  # one after another: the images are asked at the same time
                body, answers = await ask_each(services, ask, models, started, 1)
            else:
                answer, second = await detect(services, ask, wish, share.take)
                took_ms = (time.perf_counter() - started) * 1000
                body = prediction_json(answer.prediction, ask.header, ask.request_id, took_ms, second)
                answers = [answer]
    except Exception as error:
        answers, body = (), failure(error, index=index)
    place = {"index": index, "file": _encodable(sent.name[:LONGEST_NAME])}
    return Outcome({**place, **body, **place}, answers)  # first, and never replaced by the body


def _encodable(name: str) -> str:
    """Return the name without halves of surrogate pairs, which JSON can contain and UTF-8 cannot encode."""
    return name.encode("utf-8", "replace").decode()
