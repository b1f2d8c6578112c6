"""GET /health/live, /health/ready and /health: whether the process answers, and whether predictions can be made."""

from fastapi import APIRouter

from gateway import __version__, errors
from gateway.api.openapi.document import example_of, operation
from gateway.api.schemas import LiveResponse, ModelRef, ReadyResponse
from gateway.api.services import ServicesOf
from gateway.http.observe import current_request_id

router = APIRouter(tags=["health"])

LIVE = operation(example_of(LiveResponse), errors.InternalError)
READY = operation(example_of(ReadyResponse), errors.InternalError, errors.ModelNotReady)


@router.get("/health/live", **LIVE)
async def live() -> LiveResponse:
    """Return that the gateway's process answers, whatever the state of the model server."""
    return LiveResponse(version=__version__, request_id=current_request_id())


@router.get("/health", **READY)
@router.get("/health/ready", **READY)
async def ready(services: ServicesOf) -> ReadyResponse:
    """Return whether a worker has the model loaded, from a recent check; 503 with the reason otherwise."""
    state = await services.readiness.require_ready()
    return ReadyResponse(
        backend=services.backend.name,
        model=ModelRef(name=services.settings.model_name, version=state.version),
        request_id=current_request_id(),
    )
