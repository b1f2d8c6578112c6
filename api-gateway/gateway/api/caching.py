"""The cache as HTTP shows it: what a request says of remembered answers, and what an answer says of itself."""

from typing import Any, NamedTuple

from starlette.datastructures import Headers

from gateway.detection.request import Answer
from gateway.http.headers import AGE_HEADER, CACHE_CONTROL_HEADER, CACHE_STATUS_HEADER

#: Larger ages mean the same as this one.
_LONGEST_S = 2**31


class Wish(NamedTuple):
    """What ``Cache-Control`` of a request says; the fields are those of :class:`~gateway.detection.request.Ask`."""

    no_store: bool = False
    max_age_s: float | None = None


ANY = Wish()


def read_wish(headers: Headers) -> Wish:
    """Read ``no-store``, ``no-cache`` and ``max-age=SECONDS``; whatever else stands there is ignored."""
    lines = headers.getlist(CACHE_CONTROL_HEADER)
    if not lines:
        return ANY
    no_store, max_age_s = False, None
    for directive in ",".join(lines).split(","):
        name, _, value = directive.strip().partition("=")
        match name.strip().lower():
            case "no-store":
                no_store = True
            case "no-cache":
                max_age_s = 0.0
            case "max-age" if (digits := value.strip().strip('"')).isascii() and digits.isdecimal():
                seconds = float(min(int(digits[:12]), _LONGEST_S))
                max_age_s = seconds if max_age_s is None else min(seconds, max_age_s)
    return Wish(no_store, max_age_s)


def cache_headers(answer: Answer) -> dict[str, str]:
    """Return ``X-Cache``, and ``Age`` in whole seconds for a remembered answer; nothing where there is no cache."""
    if answer.cache is None:
        return {}
    headers = {CACHE_STATUS_HEADER: answer.cache.upper()}
    if answer.age_s is not None:
        headers[AGE_HEADER] = str(int(answer.age_s))
    return headers


def openapi_request_header() -> dict[str, Any]:
    """Describe the request header for a route's ``parameters``."""
    return {
        "name": CACHE_CONTROL_HEADER,
        "in": "header",
        "required": False,
        "description": (
            "`no-store`: neither answer from the cache nor remember this answer; `no-cache`: ask again and remember; "
            "`max-age=60`: take no answer older than 60 seconds. Means nothing where no cache is configured."
        ),
        "schema": {"type": "string"},
        "example": "no-cache",
    }


def openapi_answer_headers() -> dict[str, Any]:
    """Describe the answer's headers for a route's 200."""
    return {
        CACHE_STATUS_HEADER: {
            "description": (
                "HIT: remembered, or shared with an identical request under way; MISS: asked the model server; BYPASS: "
                "asked without looking. Absent where no cache is configured."
            ),
            "schema": {"type": "string", "enum": ["HIT", "MISS", "BYPASS"]},
        },
        AGE_HEADER: {
            "description": "With HIT: seconds since the answer was made",
            "schema": {"type": "integer", "minimum": 0},
        },
    }
