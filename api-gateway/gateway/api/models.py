"""GET /models and /models/{name}: loaded versions with their workers, batching, queue, details, and their traffic."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request

from gateway import errors
from gateway.api.descriptions import describe_all
from gateway.api.model_choice import find_model, usable_lines
from gateway.api.openapi.document import example_of, operation, path_parameter
from gateway.api.routing_schemas import DriftOut, RoutingOut, TrafficOut
from gateway.api.schemas import ModelOut, ModelsResponse
from gateway.api.services import Services, ServicesOf
from gateway.http.observe import current_request_id
from gateway.model_server.base import Model
from gateway.models.line import Line

router = APIRouter(tags=["models"])

NAME = path_parameter("name", "The name of a model that is served", "yolo")


@router.get("/models", **operation(example_of(ModelsResponse), *errors.UPSTREAM))
async def models(request: Request, services: ServicesOf) -> ModelsResponse:
    """List all models with their loaded versions as the model server describes them, the default model first.

    `routing` and `traffic` are the default model's; `GET /models/{name}` has those of another one. A key or token that
    is limited to models lists those.
    """
    default, lines = services.models.default, usable_lines(request, services)
    found = await describe_all(lines, default)
    if default in lines:
        return _answer(services, default, found)
    return ModelsResponse(
        backend=default.backend.name,
        models=[ModelOut.model_validate(model) for model in found],
        routing=None,
        traffic=[],
        request_id=current_request_id(),
    )


@router.get(
    "/models/{name}",
    **operation(example_of(ModelsResponse), errors.ModelNotFound, *errors.UPSTREAM, parameters=[NAME]),
)
async def model(request: Request, services: ServicesOf) -> ModelsResponse:
    """Describe one model in the same form, with its own `routing` and `traffic`."""
    line = await find_model(request, services, str(request.path_params["name"]))
    return _answer(services, line, await line.backend.models(), whole=True)


def _answer(services: Services, line: Line, described: Sequence[Model], *, whole: bool = False) -> ModelsResponse:
    shown = line.versions.in_force()
    return ModelsResponse(
        backend=line.backend.name,
        models=[ModelOut.model_validate(model) for model in described],
        routing=RoutingOut.of(shown.routing, shown.problem) if shown else None,
        traffic=[TrafficOut.model_validate(row) for row in line.versions.traffic()],
        drift=[DriftOut.of(one, whole=whole) for one in services.drift.of(line.name)],
        request_id=current_request_id(),
    )
