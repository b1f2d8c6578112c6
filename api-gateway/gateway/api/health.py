"""GET /health/live, /health/ready and /health: does the process answer, can a prediction be made."""

from fastapi import APIRouter

from gateway import __version__, errors
from gateway.api.openapi.document import error_answers, example_answer
from gateway.api.schemas import REQUEST_ID_EXAMPLE, LiveResponse, ModelRef, ReadyResponse
from gateway.api.services import ServicesOf
from gateway.http.observe import current_request_id

router = APIRouter(tags=["health"])

LIVE_ANSWERS = {
    **example_answer(LiveResponse(version=__version__, request_id=REQUEST_ID_EXAMPLE)),
    **error_answers(errors.InternalError),
}
READY_ANSWERS = {
    **example_answer(
        ReadyResponse(backend="torchserve", model=ModelRef(name="yolo", version="1.0"), request_id=REQUEST_ID_EXAMPLE)
    ),
    **error_answers(errors.InternalError, errors.ModelNotReady),
}


@router.get("/health/live", response_model=LiveResponse, responses=LIVE_ANSWERS)
async def live() -> LiveResponse:
    """Say that the gateway's process answers, whatever the model server does."""
    return LiveResponse(version=__version__, request_id=current_request_id())


@router.get("/health", response_model=ReadyResponse, responses=READY_ANSWERS)
@router.get("/health/ready", response_model=ReadyResponse, responses=READY_ANSWERS)
async def ready(services: ServicesOf) -> ReadyResponse:
    """Say whether a worker has the model loaded, as the model server told just now; 503 with the reason otherwise."""
    state = await services.readiness.require_ready()
    return ReadyResponse(
        backend=services.backend.name,
        model=ModelRef(name=services.settings.model_name, version=state.version),
        request_id=current_request_id(),
    )
