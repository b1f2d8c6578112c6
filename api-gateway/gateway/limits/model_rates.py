"""Predictions of a model: each is counted for its caller, and refused when it is over the rate of the model."""

from starlette.types import Scope

from gateway.errors import RateLimited
from gateway.http.caller import ASKED_MODELS, caller_of
from gateway.limits.rate_counters import RateLimits


async def take_model(limits: RateLimits | None, scope: Scope, model: str) -> None:
    """Count a request for predictions of this model, which exists; ``scope`` is ASGI's. Once for each request.

    The metrics count it too. Raises :class:`~gateway.errors.RateLimited`.
    """
    asked: tuple[str, ...] = scope.get(ASKED_MODELS, ())
    if model in asked:
        return
    scope[ASKED_MODELS] = (*asked, model)
    verdict = await limits.take_model(caller_of(scope), model) if limits is not None else None
    if limits is None or verdict is None or verdict.allowed:
        return
    limits.model_limited.labels(model).inc()
    raise RateLimited(
        f"Too many requests for the model '{model}'; the Retry-After header says in how many seconds the next one is "
        "accepted.",
        {"Retry-After": str(verdict.reset_s)},
    )
