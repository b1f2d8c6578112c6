"""The policy of each address: the scope it requires, whether it counts for rates, whether it is logged.

An address that is not named here requires ``predict``, is limited and logged: nothing new is open by accident. Open are
the addresses that reveal nothing about images, models or load: the probes, and the files that a browser needs before it
can ask its user for a key. A test compares every route of the application with this table.
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
    """What holds at one address."""

    #: The scope that it requires; None: it requires no authentication.
    scope: Scope | None = "predict"
    #: Whether its requests count for ``RATE_LIMIT``.
    limited: bool = True
    #: Whether a good answer is worth a log line only at DEBUG: such addresses are requested every few seconds.
    quiet: bool = False


DEFAULT = Policy()
#: What a browser fetches to open the page; none of it reaches the model server.
_PAGE = Policy(scope=None, limited=False)
_PROBE = Policy(scope=None, limited=False, quiet=True)

#: Whole addresses.
EXACT: Mapping[str, Policy] = {
    "/": _PAGE,  # the page asks for the key
    "/favicon.ico": _PAGE,
    "/docs": _PAGE,  # so does this one, for the document
    "/openapi.json": Policy(limited=False),
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
    "/models/": DEFAULT,
    "/v1/": DEFAULT,
    "/v2/": DEFAULT,
}


def named_policy(path: str) -> Policy | None:
    """Return the policy of the rule that names ``path``; None if no rule does and the default holds."""
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
    """Return the scope that ``path`` requires, or None if it requires no authentication."""
    if metrics_public and path == "/metrics":
        return None
    return policy_for(path).scope
