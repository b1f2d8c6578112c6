"""GET /models: the loaded versions with their workers, batching, queue and details, and the traffic between them."""

from fastapi import APIRouter

from gateway import errors
from gateway.api.openapi.document import operation
from gateway.api.routing_schemas import RoutingOut, ShareOut, TrafficOut
from gateway.api.schemas import REQUEST_ID_EXAMPLE, ModelOut, ModelsResponse, ModelVersionOut, WorkerOut
from gateway.api.services import ServicesOf
from gateway.http.observe import current_request_id

router = APIRouter(tags=["models"])

EXAMPLE = ModelsResponse(
    backend="torchserve",
    models=[
        ModelOut(
            name="yolo",
            versions=[
                ModelVersionOut(
                    version="1.0",
                    default=True,
                    workers=[WorkerOut(id="9000", state="READY", started="2026-11-23T11:40:39.223Z", gpu=False)],
                    batch_size=4,
                    max_batch_delay_ms=5,
                    queue_free=100,
                    queue_waiting=0,
                    details={"task": "detect", "engine": "openvino", "threads": 2, "names": {"0": "person"}},
                )
            ],
        )
    ],
    routing=RoutingOut(
        revision=17,
        updated="2026-11-23T15:00:00Z",
        stable="1.0",
        canary=ShareOut(version="1.1", percent=10),
    ),
    traffic=[
        TrafficOut(
            version="1.1",
            role="canary",
            requests=1204,
            errors=0,
            rejected=3,
            fallbacks=0,
            detections=5210,
            p50_ms=48.1,
            p95_ms=83.7,
            detections_mean=4.33,
            window=1000,
            since_revision=16,
            since="2026-11-23T15:00:00.123Z",
        )
    ],
    request_id=REQUEST_ID_EXAMPLE,
)


@router.get("/models", **operation(EXAMPLE, *errors.UPSTREAM))
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
