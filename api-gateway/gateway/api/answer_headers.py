"""What an answer says of itself in headers, on whichever route: which version made it, whether it was remembered."""

import re
from typing import Any

from gateway.api import caching as cache
from gateway.api.body import all_timings
from gateway.api.versioning import OPENAPI_ANSWER_HEADERS, version_header
from gateway.detection.request import Answer
from gateway.http.headers import DETECTIONS_HEADER, TIMING_HEADER

#: What may stand in a header as it is: others' words are left out where they are something else.
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def answer_headers(*answers: Answer) -> dict[str, str]:
    """Return what is true of all the answers that one response is made of.

    ``X-Model-Version`` where one version made them all, ``X-Cache`` where they all were had in the same way, ``Age``
    that of the oldest.
    """
    headers: dict[str, str] = {}
    if len({answer.prediction.model_version for answer in answers}) == 1:
        headers.update(version_header(answers[0].prediction.model_version))
    if len({answer.cache for answer in answers}) == 1:
        headers.update(cache.cache_headers(max(answers, key=lambda answer: answer.age_s or 0)))
    return headers


def picture_headers(answer: Answer, draw_ms: float, total_ms: float) -> dict[str, str]:
    """Say in headers what an annotated picture cannot: how much was found, by which version, and what took how long.

    ``Server-Timing`` (W3C) is what browsers show in their network view; its durations are milliseconds.
    """
    timings = {**all_timings(answer.prediction, total_ms), "draw": round(draw_ms, 2)}
    return {
        **answer_headers(answer),
        DETECTIONS_HEADER: str(len(answer.prediction.detections)),
        TIMING_HEADER: ", ".join(f"{stage};dur={ms:g}" for stage, ms in timings.items() if _TOKEN.fullmatch(stage)),
    }


def openapi_answer_headers() -> dict[str, Any]:
    """Describe the headers of every answer with detections, for a route's 200."""
    return {**OPENAPI_ANSWER_HEADERS, **cache.openapi_answer_headers()}


def openapi_picture_headers() -> dict[str, Any]:
    """Describe those that an annotated picture has beside them."""
    return {
        DETECTIONS_HEADER: {
            "schema": {"type": "integer"},
            "description": "With a picture: how many are drawn on it",
        },
        TIMING_HEADER: {"schema": {"type": "string"}, "description": "With a picture: milliseconds by stage"},
    }
