"""The model that a request names: as an option or in the address; without a name, the default one.

Routes get models here and nowhere else, because here the caller's right to a model is checked, and its rate.
"""

from starlette.requests import Request

from gateway.api.services import Services
from gateway.auth.model_rights import may_use, require_model
from gateway.errors import ModelNotFound
from gateway.limits.model_rates import take_model
from gateway.models.line import Line
from gateway.models.lines import no_such_model

#: The option's name.
MODEL = "model"


async def check_before_body(request: Request, services: Services) -> None:
    """Refuse a request whose model cannot be used before its body is read, as far as the query tells which it is.

    Raises as :func:`usable_model` does.
    """
    named = request.query_params.get(MODEL, "").strip()
    if named:
        await usable_model(request, services, named)
    elif len(services.models.names()) == 1:  # the body may name another one, which is then unknown
        await services.models.default.require()


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
