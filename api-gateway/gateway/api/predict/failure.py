"""The error in an entry of an answer: it concerns one image or one model, and the others are answered."""

import logging
from typing import Any

from gateway.api.errors import noted
from gateway.errors import InternalError
from gateway.http.errors import error_body

logger = logging.getLogger("gateway.batch")


def failure(error: Exception, **facts: object) -> dict[str, Any]:
    """Return the body of the error that is being handled; a bug is logged with its traceback and these ``facts``."""
    api_error = noted(error)
    if isinstance(api_error, InternalError):
        logger.exception("unhandled error", extra=facts)
    return error_body(api_error)
