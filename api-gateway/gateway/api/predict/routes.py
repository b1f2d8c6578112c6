"""POST /predict: one picture in, its detections out, as JSON or drawn on the picture."""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.answer_headers import answer_headers, picture_headers
from gateway.api.body import prediction_body
from gateway.api.caching import openapi_request_header
from gateway.api.detect import detect, load, make_ask
from gateway.api.openapi.document import error_answers, option_parameters
from gateway.api.predict.direct import DirectRoute
from gateway.api.predict.formats import OPTIONS, answer_for_one, split_options
from gateway.api.predict.openapi import PREDICT_ANSWERS, PREDICT_BODY
from gateway.api.predict.schemas import PredictResponse
from gateway.api.services import ServicesOf
from gateway.api.versioning import openapi_naming, take_version
from gateway.detection.parameters import openapi_parameters, read_parameters
from gateway.http.disconnect import unless_client_leaves
from gateway.intake.request_body import read_picture
from gateway.strict_json import compact

router = APIRouter(tags=["predict"], route_class=DirectRoute)

ERRORS = error_answers(
    errors.InvalidImage,
    errors.InvalidForm,
    errors.InvalidJson,
    errors.InvalidBase64,
    errors.UrlNotAllowed,
    errors.NotAcceptable,
    errors.BodyTooLarge,
    errors.ImageTooLarge,
    errors.UnsupportedImage,
    errors.UnsupportedMediaType,
    errors.InvalidParameter,
    errors.MissingFile,
    errors.TooManyFiles,
    errors.UrlFailed,
    errors.VersionNotFound,
    *errors.UPSTREAM,
)


@router.post(
    "/predict",
    response_model=PredictResponse,
    responses={**PREDICT_ANSWERS, **ERRORS},
    openapi_extra={
        "requestBody": PREDICT_BODY,
        "parameters": [
            *openapi_parameters(),
            *openapi_naming(),
            *option_parameters(OPTIONS),
            openapi_request_header(),
        ],
    },
    summary="Detect the objects in one picture",
)
async def predict(request: Request, services: ServicesOf) -> Response:
    """Send a picture as the form field `file`, as the body itself, or in JSON; parameters beside it or in the query.

    The answer is JSON, or, with `format=image` or an `Accept` of `image/…`, the picture with what was found drawn on
    it.
    """
    started = time.perf_counter()
    services.readiness.require()
    sent = await read_picture(request, services.settings)
    options, given = split_options(OPTIONS, request.query_params.multi_items(), sent.fields)
    wanted = answer_for_one(options, request.headers.get("accept"))
    version, given = take_version(request, given)
    parameters = read_parameters(given)
    with services.uploads.share() as share:  # of what is fetched, until it is answered
        if isinstance(sent.source, bytes):
            image = sent.source
        else:
            image = await unless_client_leaves(request, load(sent.source, services, share))
        ask = make_ask(request, services, image, parameters, version)
        answer = await detect(request, services, ask)
        if wanted is not None:
            drawing = time.perf_counter()
            drawn = await unless_client_leaves(
                request, services.studio.annotate(image, ask.header, answer.prediction, wanted)
            )
            now = time.perf_counter()
            headers = picture_headers(answer, (now - drawing) * 1000, (now - started) * 1000)
            return Response(drawn, media_type=wanted.media_type, headers=headers)
        body = prediction_body(answer.prediction, ask.header, ask.request_id, (time.perf_counter() - started) * 1000)
        return Response(compact(body), headers=answer_headers(answer), media_type="application/json")
