"""Several models about one image: one answer of each, in the order asked, and an error of one fails no other."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from starlette.responses import Response

from gateway.api.answer_headers import answer_headers
from gateway.api.answer_json import prediction_json
from gateway.api.predict.failure import failure
from gateway.api.services import Services
from gateway.concurrency.bounded import run_bounded
from gateway.detection.request import Answer, Ask
from gateway.drawing.wanted import Wanted
from gateway.errors import InvalidParameter
from gateway.http.headers import VERSION_HEADER
from gateway.models.line import Line
from gateway.second_stage.wish import Wish
from gateway.strict_json import compact


class Each(NamedTuple):
    """The body of the answer, and the answers of the models that did not fail."""

    body: dict[str, Any]
    answers: list[Answer]


def check_several(version: str | None, wish: Wish | None, drawing: Wanted | None = None) -> None:
    """Raise :class:`~gateway.errors.InvalidParameter` for what is about one model, and so does not go with several."""
    if version is not None:
        raise InvalidParameter("version: it is one of one model; ask each model by itself, or leave it out.")
    if wish is not None:
        raise InvalidParameter("then: it follows one model; ask each model by itself, or leave it out.")
    if drawing is not None:
        raise InvalidParameter(
            "format: an image shows the detections of one model; ask each model by itself, or for JSON (format=json)."
        )


async def ask_each(services: Services, ask: Ask, models: Sequence[Line], started: float, at_once: int) -> Each:
    """Ask every model about the image of ``ask``, at most ``at_once`` at a time; cancellation stops them all.

    ``started`` is the beginning of the request (:func:`time.perf_counter`).
    """
    entries: dict[int, dict[str, Any]] = {}
    answers: dict[int, Answer] = {}

    async def work(number: int) -> None:
        line, began = models[number], time.perf_counter()
        try:
            await line.require()
            answer = await services.detector.detect(replace(ask, model=line.name))
            took_ms = (time.perf_counter() - began) * 1000
            body = prediction_json(answer.prediction, ask.header, ask.request_id, took_ms)
        except Exception as error:
            body = {"model": {"name": line.name, "version": None}, **failure(error, model=line.name)}
        else:
            answers[number] = answer
        entries[number] = {"model": body["model"], **body}  # first: it tells the entries apart

    await run_bounded(work, range(len(models)), min(at_once, len(models)))
    ordered = [answers[number] for number in sorted(answers)]
    sizes = (answer.prediction.image_size for answer in ordered if answer.prediction.image_size is not None)
    width, height = next(sizes, (ask.header.width, ask.header.height))
    body = {
        "status": "success",
        "results": [entries[number] for number in range(len(models))],
        "succeeded": len(answers),
        "failed": len(models) - len(answers),
        "image": {"width": width, "height": height},
        "timings_ms": {"total": round((time.perf_counter() - started) * 1000, 2)},
        "request_id": ask.request_id,
    }
    return Each(body, ordered)


def each_response(each: Each) -> Response:
    """Return the whole response. Each entry has its own version, so no header has one."""
    headers = answer_headers(*each.answers)
    headers.pop(VERSION_HEADER, None)
    return Response(compact(each.body), headers=headers, media_type="application/json")
