"""What a schema cannot say.

Where a body is a picture, schemathesis sends real ones as well as noise: noise alone would never be answered 200.

Schemathesis imports this in its own process, as SCHEMATHESIS_HOOKS says.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.core.transport import Response

from gateway.api.openapi.images import BYTES
from gateway.http.headers import TIMEOUT_HEADER
from tests.gateway.support.pictures import picture
from tests.support import huge_png

_PICTURES = [picture(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "HEIF")]
_BODIES = st.one_of(
    st.sampled_from(_PICTURES),
    st.sampled_from(_PICTURES).flatmap(lambda whole: st.integers(0, len(whole)).map(lambda end: whole[:end])),
    st.just(huge_png()),
    st.binary(max_size=300),
)

schemathesis.openapi.format("binary", _BODIES)
schemathesis.openapi.media_type("image/*", _BODIES)
schemathesis.openapi.media_type("application/octet-stream", _BODIES)


@schemathesis.hook
def before_add_examples(context: schemathesis.HookContext, examples: list[schemathesis.Case]) -> None:
    """Send pictures where the document's examples can only say that bytes belong there."""
    for case in examples:
        if isinstance(case.body, dict):
            case.body = {field: _PICTURES[0] if value == BYTES else value for field, value in case.body.items()}


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case, response: Response
) -> bool:
    """Keep what is a failure. Two things are none.

    An empty parameter counts as absent, so it may be accepted where the schema has a number or a pattern. A request
    that says that it waits next to no time gets a 503 while the server has other work.
    """
    if isinstance(failure, ServerError) and TIMEOUT_HEADER in {name.title() for name in case.headers or {}}:
        return response.status_code != HTTPStatus.SERVICE_UNAVAILABLE
    given = [part for part in (case.query, case.headers, case.body) if isinstance(part, Mapping)]
    blank = any(isinstance(value, str) and not value.strip() for part in given for value in part.values())
    return not (blank and isinstance(failure, AcceptedNegativeData))
