"""Which scope an address asks for. What is not named here needs ``predict``: nothing new is open by accident.

Open is what says nothing of pictures, models or load: the probes, and what a browser needs before it can ask its user
for a key. A test holds every route of the application against this table.
"""

from collections.abc import Mapping

from gateway.auth.identity import Scope

#: An open address. None stands for "no rule" in :func:`rule_for`, so this is a word of its own.
OPEN = "open"

#: Whole addresses.
EXACT: Mapping[str, Scope | str] = {
    "/": OPEN,  # the page, which asks for the key
    "/favicon.ico": OPEN,
    "/docs": OPEN,
    "/docs/oauth2-redirect": OPEN,
    "/openapi.json": OPEN,
    "/health": OPEN,
    "/health/live": OPEN,
    "/health/ready": OPEN,
    "/v2/health/live": OPEN,
    "/v2/health/ready": OPEN,
    "/predict": "predict",
    "/models": "predict",
    "/v2": "predict",
    "/metrics": "admin",
}
#: Everything below an address.
BELOW: Mapping[str, Scope | str] = {
    "/static/": OPEN,
    "/predict/": "predict",
    "/v1/": "predict",
    "/v2/": "predict",
}
DEFAULT: Scope = "predict"


def rule_for(path: str) -> Scope | str | None:
    """Return the rule that names ``path``: a scope or ``OPEN``; None where there is none and the default holds."""
    exact = EXACT.get(path)
    if exact is not None:
        return exact
    return next((rule for prefix, rule in BELOW.items() if path.startswith(prefix)), None)


def needed_scope(path: str, metrics_public: bool = False) -> str | None:
    """Return the scope that ``path`` asks for, or None when it is open."""
    if metrics_public and path == "/metrics":
        return None
    rule = rule_for(path) or DEFAULT
    return None if rule == OPEN else rule
