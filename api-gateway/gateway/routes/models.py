"""GET /models: what is loaded, its workers, batching, queue, and what the model tells of itself."""

from fastapi import APIRouter

from gateway import errors
from gateway.openapi import error_answers
from gateway.request_id import current_request_id
from gateway.schemas import ModelOut, ModelsResponse
from gateway.services import ServicesOf

router = APIRouter(tags=["models"])

ERRORS = error_answers(
    errors.InternalError,
    errors.UpstreamError,
    errors.UpstreamUnavailable,
    errors.ModelNotReady,
    errors.Overloaded,
    errors.UpstreamTimeout,
)


@router.get("/models", response_model=ModelsResponse, responses=ERRORS)
async def models(services: ServicesOf) -> ModelsResponse:
    """List the loaded models and versions as the model server describes them."""
    loaded = await services.backend.models()
    return ModelsResponse(
        backend=services.backend.name,
        models=[ModelOut.model_validate(model) for model in loaded],
        request_id=current_request_id(),
    )
