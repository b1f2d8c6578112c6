"""The headers of an answer, on whichever route: the version that made it, and whether it came from the cache."""

import re
from collections.abc import Mapping

from gateway.api.versioning import is_version
from gateway.detection.request import Answer
from gateway.http.headers import (
    AGE_HEADER,
    CACHE_STATUS_HEADER,
    DETECTIONS_HEADER,
    TIMING_HEADER,
    VERSION_HEADER,
)

#: A stage's name that can stand in a header; a model server's other names are left out.
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def answer_headers(*answers: Answer) -> dict[str, str]:
    """Return the headers that hold for all the answers in one response.

    ``X-Model-Version`` if one known version of one model made them all; ``X-Cache`` if it is the same for all; with a
    hit, ``Age`` of the oldest in whole seconds.
    """
    headers: dict[str, str] = {}
    versions = {(answer.prediction.model_name, answer.prediction.model_version) for answer in answers}
    if len(versions) == 1 and (version := versions.pop()[1]) is not None and is_version(version):
        headers[VERSION_HEADER] = version
    statuses = {answer.cache for answer in answers}
    if len(statuses) == 1 and (status := statuses.pop()) is not None:
        headers[CACHE_STATUS_HEADER] = status.upper()
        ages = [answer.age_s for answer in answers if answer.age_s is not None]
        if ages:
            headers[AGE_HEADER] = str(int(max(ages)))
    return headers


def image_headers(answer: Answer, draw_ms: float, total_ms: float, more_ms: Mapping[str, float]) -> dict[str, str]:
    """Return the headers of an annotated image, which replace what JSON would say: detections, version, timings.

    ``Server-Timing`` (W3C) is what browsers show in their network view; its durations are milliseconds. ``more_ms`` are
    those of a second stage.
    """
    timings = {**answer.prediction.all_timings(total_ms), **more_ms, "draw": round(draw_ms, 2)}
    return {
        **answer_headers(answer),
        DETECTIONS_HEADER: str(len(answer.prediction.detections)),
        TIMING_HEADER: ", ".join(f"{stage};dur={ms:g}" for stage, ms in timings.items() if _TOKEN.fullmatch(stage)),
    }
