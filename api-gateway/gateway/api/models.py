"""GET /models: the loaded versions with their workers, batching, queue and details, and the traffic between them."""

from fastapi import APIRouter

from gateway import errors
from gateway.api.openapi.document import example_of, operation
from gateway.api.routing_schemas import RoutingOut, TrafficOut
from gateway.api.schemas import ModelOut, ModelsResponse
from gateway.api.services import ServicesOf
from gateway.http.observe import current_request_id

router = APIRouter(tags=["models"])


@router.get("/models", **operation(example_of(ModelsResponse), *errors.UPSTREAM))
async def models(services: ServicesOf) -> ModelsResponse:
    """List the loaded versions as the model server describes them, and how traffic is split between them."""
    loaded = await services.backend.models()
    shown = services.versions.in_force()
    return ModelsResponse(
        backend=services.backend.name,
        models=[ModelOut.model_validate(model) for model in loaded],
        routing=RoutingOut.of(shown.routing, shown.problem) if shown else None,
        traffic=[TrafficOut.model_validate(row) for row in services.versions.traffic()],
        request_id=current_request_id(),
    )
