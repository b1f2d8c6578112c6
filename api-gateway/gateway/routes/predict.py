"""POST /predict: one picture in, its detections out."""

import json
import time
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.backends.base import Prediction
from gateway.backends.errors import BackendNotReady, BackendOverloaded
from gateway.disconnect import unless_client_leaves
from gateway.image_header import ImageHeader, read_image_header
from gateway.openapi import PREDICT_BODY, error_answers
from gateway.parameters import openapi_parameters, read_parameters
from gateway.request_id import current_request_id
from gateway.schemas import PredictResponse
from gateway.services import Services, ServicesOf
from gateway.upload import read_upload

router = APIRouter(tags=["predict"])

ERRORS = error_answers(
    errors.InvalidImage,
    errors.InvalidForm,
    errors.BodyTooLarge,
    errors.ImageTooLarge,
    errors.UnsupportedImage,
    errors.UnsupportedMediaType,
    errors.InvalidParameter,
    errors.MissingFile,
    errors.TooManyFiles,
    errors.InternalError,
    errors.UpstreamError,
    errors.UpstreamUnavailable,
    errors.ModelNotReady,
    errors.Overloaded,
    errors.UpstreamTimeout,
)


@router.post(
    "/predict",
    response_model=PredictResponse,
    responses=ERRORS,
    openapi_extra={"requestBody": PREDICT_BODY, "parameters": openapi_parameters()},
    summary="Detect the objects in one picture",
)
async def predict(request: Request, services: ServicesOf) -> Response:
    """Send a picture as the form field `file`, or as the body itself; parameters as query or form fields."""
    started = time.perf_counter()
    services.readiness.require()
    upload = await read_upload(request, services.settings.max_body_bytes)
    header = read_image_header(upload.image, services.settings.max_image_pixels)
    parameters = read_parameters(request.query_params.multi_items(), upload.fields)
    request_id = current_request_id() or ""
    try:
        prediction = await unless_client_leaves(request, services.backend.predict(upload.image, parameters, request_id))
    except BackendOverloaded as fault:
        raise _no_worker_or_no_room(services, fault) from fault
    body = _answer(prediction, header, request_id, (time.perf_counter() - started) * 1000)
    # Not through response_model: validating a list that was just built would cost more than building it.
    return Response(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), media_type="application/json")


def _no_worker_or_no_room(services: Services, fault: BackendOverloaded) -> BackendOverloaded | BackendNotReady:
    """Tell the two apart by the last readiness check: a server may use one answer for a full queue and no worker."""
    state = services.readiness.state
    return fault if state.ready else BackendNotReady(state.reason or "no worker is ready")


def _answer(prediction: Prediction, header: ImageHeader, request_id: str, total_ms: float) -> dict[str, Any]:
    """Build the answer of :class:`~gateway.schemas.PredictResponse`; a task's own keys never replace the fixed ones."""
    width, height = prediction.image_size or (header.width, header.height)
    timings = dict(prediction.timings_ms)
    if "total" in timings:
        timings["model_server"] = timings.pop("total")
    timings["total"] = round(total_ms, 2)
    fixed = {
        "status": "success",
        "detections": [
            {
                "confidence": found.confidence,
                "class": found.class_name,
                "bbox": found.bbox,
                "class_id": found.class_id,
                **found.extra,
            }
            for found in prediction.detections
        ],
        "image": {"width": width, "height": height},
        "model": {"name": prediction.model_name, "version": prediction.model_version},
        "task": prediction.task,
        "timings_ms": timings,
        "request_id": request_id,
    }
    return {**fixed, **{key: value for key, value in prediction.extra.items() if key not in fixed}}
