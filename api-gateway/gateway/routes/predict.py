"""POST /predict: one picture in, its detections out."""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.answers import compact, prediction_body
from gateway.intake import detect, make_ask
from gateway.openapi import PREDICT_BODY, error_answers
from gateway.parameters import openapi_parameters, read_parameters
from gateway.schemas import PredictResponse
from gateway.services import ServicesOf
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
    parameters = read_parameters(request.query_params.multi_items(), upload.fields)
    ask = make_ask(request, services, upload.image, parameters)
    answer = await detect(request, services, ask)
    body = prediction_body(answer.prediction, ask.header, ask.request_id, (time.perf_counter() - started) * 1000)
    return Response(compact(body), media_type="application/json")
