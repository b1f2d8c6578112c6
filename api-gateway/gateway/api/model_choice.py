"""The model that a request names: as an option or in the address; without a name, the default one."""

from starlette.requests import Request

from gateway.api.services import Services
from gateway.models.line import Line

#: The option's name.
MODEL = "model"


async def check_before_body(request: Request, services: Services) -> None:
    """Refuse a request whose model cannot be used before its body is read, as far as the query tells which it is.

    Raises as :func:`usable_model` does.
    """
    named = request.query_params.get(MODEL, "").strip()
    if named or len(services.models.names()) == 1:
        await usable_model(request, services, named)


async def usable_model(request: Request, services: Services, name: str | None) -> Line:
    """Return the line of the model that the request may use; ``name`` is None or empty for the default one.

    Raises :class:`~gateway.errors.ModelNotFound`, and
    :class:`~gateway.model_server.errors.BackendNotReady` for a model that has been unusable for some time.
    """
    line = await find_model(request, services, name)
    await line.require()
    return line


async def find_model(request: Request, services: Services, name: str | None) -> Line:
    """Return the line of the model that the request may use, whether it is ready or not."""
    return await services.models.find(name) if name else services.models.default
