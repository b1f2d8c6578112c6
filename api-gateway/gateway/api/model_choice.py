"""The model that a request names: as an option or in the address; without a name, the default one.

Routes get models here and nowhere else, because here the caller's right to a model is checked, and its rate.
"""

from starlette.requests import Request

from gateway.api.ask import cache_control
from gateway.api.claim import claim_of
from gateway.api.services import Services
from gateway.api.versioning import MOST_MODELS
from gateway.auth.model_rights import may_use, require_model
from gateway.detection.request import Claim
from gateway.errors import InvalidParameter, ModelNotFound, printable
from gateway.limits.model_rates import take_model
from gateway.models.line import Line
from gateway.models.lines import no_such_model

#: The option's name.
MODEL = "model"


async def check_before_body(request: Request, services: Services, urgent: bool = True) -> None:
    """Refuse a request whose model cannot be used before its body is read, as far as the query tells which it is.

    Raises as :func:`usable_models` does, and :class:`~gateway.errors.Overloaded` for one whose turn would not come in
    time.
    """
    claim = claim_of(request, urgent)
    named = request.query_params.get(MODEL, "").strip()
    if named:
        lines = await usable_models(request, services, named)
    elif len(services.models.names()) == 1:  # the body may name another one, which is then unknown
        lines = [services.models.default]
        await lines[0].require()
    else:
        return
    if len(lines) == 1:
        await check_chance(request, lines[0], claim)


async def check_chance(request: Request, line: Line, claim: Claim) -> None:
    """Raise :class:`~gateway.errors.Overloaded` if the request's turn would not come in time, whatever its image."""
    no_store, max_age_s = cache_control(request.headers)
    await line.require_chance(claim, may_be_stored=not no_store and max_age_s != 0)


async def usable_models(request: Request, services: Services, text: str | None) -> list[Line]:
    """Return the lines of the models that the option names, in its order.

    Of one model raises as :func:`usable_model` does. Whether several are ready, each one's own answer says.
    """
    names = model_names(text)
    if len(names) == 1:
        return [await usable_model(request, services, names[0])]
    lines = [await find_model(request, services, name) for name in names]
    for line in lines:
        await take_model(services.rate_limits, request.scope, line.name)
    return lines


def model_names(text: str | None) -> list[str]:
    """Return the names of the option: one, empty for the default model, or several with commas between them.

    Raises :class:`~gateway.errors.InvalidParameter`.
    """
    names = [name.strip() for name in (text or "").split(",")]
    if len(names) > MOST_MODELS:
        raise InvalidParameter(f"{MODEL}: {len(names)} names; at most {MOST_MODELS} models answer one request.")
    if len(names) > 1 and not all(names):
        raise InvalidParameter(f"{MODEL}: an empty name; separate names with commas, as in yolo,helmets.")
    for name in names:
        if names.count(name) > 1:
            raise InvalidParameter(f"{MODEL}: {printable(name)} is named twice; name each model once.")
    return names


async def usable_model(request: Request, services: Services, name: str | None) -> Line:
    """Return the line of the model that the request may ask for predictions; None or empty: the default one.

    Raises as :func:`find_model` does, :class:`~gateway.errors.RateLimited`, and
    :class:`~gateway.model_server.errors.BackendNotReady` for a model that has been unusable for some time.
    """
    line = await find_model(request, services, name)
    await take_model(services.rate_limits, request.scope, line.name)
    await line.require()
    return line


async def find_model(request: Request, services: Services, name: str | None) -> Line:
    """Return the line of the model that the request may use, ready or not; ``name`` as in :func:`usable_model`.

    Raises :class:`~gateway.errors.InsufficientScope` and, for a caller who may use a model of this name,
    :class:`~gateway.errors.ModelNotFound`.
    """
    require_model(request.scope, name or services.models.default.name)
    try:
        return await services.models.find(name) if name else services.models.default
    except ModelNotFound:
        raise no_such_model(name or "", list_models(request, services)) from None


def usable_lines(request: Request, services: Services) -> list[Line]:
    """Return the lines of the models that the request may use, the default one first."""
    return [line for line in services.models.known() if may_use(request.scope, line.name)]


def list_models(request: Request, services: Services) -> list[str]:
    """Return the names of the models that the request may use, the default one first."""
    return [line.name for line in usable_lines(request, services)]


def without_alias(services: Services, name: str, alias: str) -> str | None:
    """Return the name, or None for the default model if the name is its ``alias`` and no model's own."""
    return None if name == alias and name not in services.models.names() else name
