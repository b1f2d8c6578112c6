"""POST /predict: one picture in, its detections out."""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.answers import compact, prediction_body
from gateway.detector import Ask
from gateway.disconnect import unless_client_leaves
from gateway.image_header import read_image_header
from gateway.openapi import PREDICT_BODY, error_answers
from gateway.parameters import openapi_parameters, read_parameters
from gateway.request_id import current_request_id
from gateway.schemas import PredictResponse
from gateway.services import ServicesOf
from gateway.upload import read_upload

router = APIRouter(tags=["predict"])

ERRORS = error_answers(
    errors.InvalidImage,
    errors.InvalidForm,
    errors.RequestTimeout,
    errors.BodyTooLarge,
    errors.ImageTooLarge,
    errors.UnsupportedImage,
    errors.UnsupportedMediaType,
    errors.InvalidParameter,
    errors.MissingFile,
    errors.TooManyFiles,
    errors.VersionNotFound,
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
    ask = Ask(upload.image, header, parameters, request_id)
    answer = await unless_client_leaves(request, services.detector.detect(ask))
    body = prediction_body(answer.prediction, header, request_id, (time.perf_counter() - started) * 1000)
    return Response(compact(body), media_type="application/json")
