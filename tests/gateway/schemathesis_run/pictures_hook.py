"""Where a body is a picture, schemathesis sends real ones as well as noise: noise alone would never be answered 200.

Schemathesis imports this in its own process, as SCHEMATHESIS_HOOKS says.
"""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

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
