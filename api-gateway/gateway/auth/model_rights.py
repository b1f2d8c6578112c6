"""The models that the caller of a request may use. Without authentication, and without a limit, that is every model."""

from starlette.types import Scope

from gateway.auth.grants import MODEL
from gateway.errors import InsufficientScope, printable
from gateway.http.caller import MODELS, REFUSED_MODEL
from model_names import fault

#: A message names so many models and no more.
_NAMED = 10


def may_use(scope: Scope, model: str) -> bool:
    """Tell whether the caller may use this model. ``scope`` is ASGI's, of the request."""
    allowed: frozenset[str] | None = scope.get(MODELS)
    return allowed is None or model in allowed


def require_model(scope: Scope, model: str) -> None:
    """Raise :class:`~gateway.errors.InsufficientScope` if the caller may not use this model, whether it exists or not.

    It is noted for the log and the metrics of authentication.
    """
    if may_use(scope, model):
        return
    scope[REFUSED_MODEL] = model[:64]
    allowed = sorted(scope[MODELS])
    names = ", ".join(printable(name) for name in allowed[:_NAMED])
    if len(allowed) > _NAMED:
        names += f" and {len(allowed) - _NAMED} more"
    # The name may be the client's invention: in a header it stands only in the form of a name.
    needed = "predict" if fault(model) else f"predict {MODEL}{model}"
    raise InsufficientScope(
        f"Your key or token may not use the model {printable(model)}; it is limited to {names}. Name one of these "
        f"(model=NAME), or ask the operator of this service for a key or token with the model that you need.",
        {"WWW-Authenticate": f'{InsufficientScope.headers["WWW-Authenticate"]}, scope="{needed}"'},
    )
