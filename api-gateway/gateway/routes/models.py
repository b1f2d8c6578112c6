"""GET /models: what is loaded, its workers, batching, queue, what the model tells of itself, and who gets which."""

from fastapi import APIRouter

from gateway import errors
from gateway.openapi import error_answers
from gateway.request_id import current_request_id
from gateway.routing.schemas import RoutingOut, TrafficOut
from gateway.schemas import ModelOut, ModelsResponse
from gateway.services import ServicesOf

router = APIRouter(tags=["models"])

ERRORS = error_answers(*errors.UPSTREAM)


@router.get("/models", response_model=ModelsResponse, responses=ERRORS)
async def models(services: ServicesOf) -> ModelsResponse:
    """List the loaded versions as the model server describes them, and how traffic is spread over them."""
    loaded = await services.backend.models()
    shown = services.versions.in_force()
    return ModelsResponse(
        backend=services.backend.name,
        models=[ModelOut.model_validate(model) for model in loaded],
        routing=RoutingOut.of(shown.routing, shown.problem) if shown else None,
        traffic=[TrafficOut.model_validate(row) for row in services.versions.traffic()],
        request_id=current_request_id(),
    )
