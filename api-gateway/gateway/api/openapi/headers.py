"""The headers of detection requests and of their answers, as OpenAPI describes them."""

from typing import Any

from gateway.api.versioning import VERSION_SCHEMA
from gateway.http.headers import (
    AGE_HEADER,
    CACHE_CONTROL_HEADER,
    CACHE_STATUS_HEADER,
    CLIENT_KEY_HEADER,
    DETECTIONS_HEADER,
    PRIORITY_HEADER,
    TIMEOUT_HEADER,
    TIMING_HEADER,
    VERSION_HEADER,
)


def header_parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a header of a request, for a route's ``parameters``."""
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


REQUEST_HEADERS = [
    header_parameter(VERSION_HEADER, "The same as the parameter `version`, which takes precedence", VERSION_SCHEMA),
    header_parameter(
        CLIENT_KEY_HEADER,
        "Any text that stays the same for one client; keeps it with one version while traffic is split. The default is "
        "the name of its API key; without one, each request is assigned at random",
        {"type": "string", "examples": ["camera-12"]},
    ),
    header_parameter(
        CACHE_CONTROL_HEADER,
        "`no-store`: neither read the cache nor store this answer; `no-cache`: do not read the cache, but store; "
        "`max-age=60`: accept no answer older than 60 seconds. Has no effect without a cache",
        {"type": "string", "examples": ["no-cache"]},
    ),
    header_parameter(
        PRIORITY_HEADER,
        "`u=4` to `u=7` (RFC 9218): the request yields to others and may wait longer. Nothing raises a priority",
        {"type": "string", "examples": ["u=5"]},
    ),
    header_parameter(
        TIMEOUT_HEADER,
        "Seconds after which the client no longer waits: a request that cannot be answered by then is not begun (503)",
        {"type": "number", "exclusiveMinimum": 0, "examples": [10]},
    ),
]
#: Of every answer with detections.
ANSWER_HEADERS: dict[str, Any] = {
    VERSION_HEADER: {
        "description": "The version of the model that made this answer",
        "schema": {"type": "string", "examples": ["1.1"]},
    },
    CACHE_STATUS_HEADER: {
        "description": "HIT: from the cache, or shared with an identical request in progress; MISS: from the model "
        "server; BYPASS: the cache was not consulted. Absent without a cache",
        "schema": {"type": "string", "enum": ["HIT", "MISS", "BYPASS"]},
    },
    AGE_HEADER: {
        "description": "With HIT: seconds since the answer was made",
        "schema": {"type": "integer", "minimum": 0},
    },
}
#: Of an annotated image in addition.
IMAGE_HEADERS: dict[str, Any] = {
    DETECTIONS_HEADER: {"description": "With an image: the number of detections", "schema": {"type": "integer"}},
    TIMING_HEADER: {"description": "With an image: milliseconds by stage", "schema": {"type": "string"}},
}
