"""The meaning of an answer other than 200 by a server of the Open Inference Protocol.

The protocol knows ``{"error": TEXT}`` and leaves statuses to the server. Another gateway of ours adds the ``code`` of
:mod:`gateway.errors`, which is exact; the text of any other server goes to the log only.
"""

import json
from http import HTTPStatus
from typing import Any, get_args

from gateway.model_server.client import Reply
from gateway.model_server.errors import (
    LONGEST_MESSAGE,
    BackendError,
    BackendFault,
    BackendNoSuchVersion,
    BackendNotReady,
    BackendOverloaded,
    BackendRejected,
    BackendTimeout,
    Rejection,
    client_message,
)

_REJECTIONS: tuple[Rejection, ...] = get_args(Rejection)
#: What is said of a refusal whose reason is not known here.
REFUSED = (
    "The model server refused the picture or a parameter; its log has the details under this request_id. "
    "Is the picture whole?"
)


def fault(reply: Reply, model: str, version: str | None) -> BackendFault:
    """Name the fault; ``version`` is the one that the request named, if it did."""
    status = reply.status
    body = _body(reply)
    code, said = body.get("code"), body.get("error")
    detail = f"the server answered {status} {code or ''} {said!r:.{LONGEST_MESSAGE}}"
    if code in _REJECTIONS:
        return BackendRejected(code, client_message(said))
    if status == HTTPStatus.NOT_FOUND:
        return (
            BackendNoSuchVersion(version) if version is not None else BackendNotReady(f"no model '{model}' is loaded")
        )
    if status == HTTPStatus.NOT_IMPLEMENTED and version is not None:
        return BackendNoSuchVersion(version)  # KServe's way to say that it knows no versions
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return BackendRejected("body_too_large", "")
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        return BackendOverloaded(detail)
    if status in (HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.REQUEST_TIMEOUT):
        return BackendTimeout(detail)
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return BackendRejected("invalid_image", REFUSED)
    return BackendError(detail)


def _body(reply: Reply) -> dict[str, Any]:
    try:
        body = json.loads(reply.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
