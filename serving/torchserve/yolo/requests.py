"""TorchServe's request items and headers, and the answer's body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yolo.errors import InvalidImage, MissingImage
from yolo.metadata import Metadata
from yolo.pipeline import Outcome
from yolo.tracing.context import TraceContext, parse

# A raw body, then the form fields that clients of TorchServe and of the gateway use for a file.
FIELDS = ("body", "data", "file", "image")


def image(item: Mapping[str, Any]) -> bytes | bytearray:
    """Return the image's bytes of one request item.

    Raises MissingImage when no field has one, InvalidImage when TorchServe has parsed it as JSON.
    """
    for name in FIELDS:
        value = item.get(name)
        if value is None:
            continue
        if isinstance(value, (bytes, bytearray)):
            return value
        if isinstance(value, str):  # sent as text/*: the bytes are valid UTF-8, so not a supported image
            return value.encode()
        raise InvalidImage("The body is JSON: send the bytes of the image")
    raise MissingImage("The request has no image: send it as the raw body, or as a multipart file named data or file")


def identifier(context: Any, index: int) -> str:
    """Return the caller's X-Request-ID (header names are case-insensitive), else TorchServe's id of the request."""
    return str(_header(context, index, "x-request-id") or context.get_request_id(index) or "")[:128]


def trace(context: Any, index: int) -> TraceContext | None:
    """Return the trace that the caller's header `traceparent` names, if there is one."""
    given = _header(context, index, "traceparent")
    return parse(given) if isinstance(given, str) else None


def _header(context: Any, index: int, wanted: str) -> Any:
    headers = context.get_all_request_header(index) or {}
    return next((value for name, value in headers.items() if str(name).lower() == wanted), None)


def answer(outcome: Outcome, model: Metadata, name: str) -> list[dict[str, Any]]:
    """Return the body of a success: a list with one entry for the image."""
    width, height = outcome.size or (0, 0)
    return [
        {
            **(outcome.answer or {}),
            "task": model.task,
            "image": {"width": width, "height": height},
            "model": {"name": name, "version": model.version},
            "timings_ms": outcome.timings,
        }
    ]
