"""Rates of models, from ``models.toml``: a prediction that is over the rate of its model is refused."""

import logging
import os
from pathlib import Path

from starlette.types import Scope

import model_settings
from gateway.errors import RateLimited
from gateway.http.caller import ASKED_MODELS, caller_of
from gateway.limits.rate_counters import ModelRates, RateLimits
from gateway.settings.limits import parse_rates

logger = logging.getLogger("gateway.limits.rate_limits")


class ModelRatesError(Exception):
    """The file with the settings of the models cannot be used; the message says how to fix it."""


def read_model_rates(path: str) -> ModelRates:
    """Return the rates of each model that has some. Without a file, or without a ``path``, there are none.

    Raises :class:`ModelRatesError`.
    """
    if not path:
        return {}
    folder = Path(path).parent
    if folder.is_dir() and not os.access(folder, os.X_OK):
        # It is the folder of the weights, which somebody without such a file need not open to this user.
        logger.warning(
            "the folder cannot be entered, so no model has a rate of its own",
            extra={"folder": str(folder), "fix": f"chmod a+x {folder}"},
        )
        return {}
    try:
        settings = model_settings.read(Path(path))
    except model_settings.ModelSettingsError as error:
        raise ModelRatesError(str(error)) from error
    rates = {}
    for model, its in settings.items():
        try:
            rates[model] = parse_rates(its.rate_limit or "")
        except ValueError as error:
            raise ModelRatesError(f'{path}: [{model}] rate_limit = "{its.rate_limit}": {error}') from error
    return {model: each for model, each in rates.items() if each}


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
