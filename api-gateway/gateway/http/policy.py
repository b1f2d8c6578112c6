"""What holds at an address before its route is reached: who may ask, whether it counts for rates, whether it is logged.

What is not named here asks for ``predict``, is limited and logged: nothing new is open by accident. Open is what says
nothing of pictures, models or load: the probes, and what a browser needs before it can ask its user for a key. A test
holds every route of the application against this table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

#: ``predict``: ask for detections and see which models there are. ``admin``: see the gateway's internals.
Scope = Literal["predict", "admin"]
SCOPES: Final[frozenset[str]] = frozenset(get_args(Scope))


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds at an address."""

    #: The scope that it asks for; None: it is open to everybody.
    scope: Scope | None = "predict"
    #: Whether its requests count for ``RATE_LIMIT``.
    limited: bool = True
    #: Whether a good answer is worth a log line only at DEBUG: such addresses are asked every few seconds.
    quiet: bool = False


DEFAULT = Policy()
#: What a browser fetches that opens the page; none of it reaches the model server.
_PAGE = Policy(scope=None, limited=False)
_PROBE = Policy(scope=None, limited=False, quiet=True)

#: Whole addresses.
EXACT: Mapping[str, Policy] = {
    "/": _PAGE,  # which asks for the key
    "/favicon.ico": _PAGE,
    "/docs": _PAGE,
    "/docs/oauth2-redirect": _PAGE,
    "/openapi.json": _PAGE,
    "/health": _PROBE,
    "/health/live": _PROBE,
    "/health/ready": _PROBE,
    "/v2/health/live": _PROBE,
    "/v2/health/ready": _PROBE,
    "/predict": DEFAULT,
    "/models": DEFAULT,
    "/v2": DEFAULT,
    "/metrics": Policy(scope="admin", limited=False, quiet=True),
}
#: KServe's probe of a model, which says whether a model has that name.
_MODEL_READY = re.compile(r"/v2/models/[^/]+/ready")
_MODEL_PROBE = Policy(limited=False, quiet=True)
#: Everything else below an address.
BELOW: Mapping[str, Policy] = {
    "/static/": _PAGE,
    "/predict/": DEFAULT,
    "/v1/": DEFAULT,
    "/v2/": DEFAULT,
}


def named_policy(path: str) -> Policy | None:
    """Return the policy of the rule that names ``path``; None where there is none and the default holds."""
    exact = EXACT.get(path)
    if exact is not None:
        return exact
    if _MODEL_READY.fullmatch(path):
        return _MODEL_PROBE
    return next((policy for prefix, policy in BELOW.items() if path.startswith(prefix)), None)


def policy_for(path: str) -> Policy:
    """Return what holds at ``path``."""
    return named_policy(path) or DEFAULT


def needed_scope(path: str, metrics_public: bool = False) -> Scope | None:
    """Return the scope that ``path`` asks for, or None when it is open."""
    if metrics_public and path == "/metrics":
        return None
    return policy_for(path).scope
