"""DeepStack's object detection, as Frigate, Blue Iris, Home Assistant and Agent DVR ask for it.

Read in DeepStack's server, CodeProject.AI's detection module (its successor, which Blue Iris expects), Frigate's
detector plugin and Home Assistant's integration: they send the picture as the form field ``image``, most also
``min_confidence`` and ``api_key``, and stop reading at the first prediction below their own threshold.
"""

import time
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.answer_headers import answer_headers, openapi_answer_headers
from gateway.api.deepstack.schemas import (
    DeepStackListResponse,
    DeepStackPrediction,
    DeepStackResponse,
    deepstack_body,
)
from gateway.api.detect import detect, make_ask
from gateway.api.openapi.document import error_answers, example_answer, path_parameter
from gateway.api.schemas import REQUEST_ID_EXAMPLE
from gateway.api.services import Services, ServicesOf
from gateway.api.versioning import take_version
from gateway.detection.parameters import Parameters
from gateway.http.errors import DEEPSTACK
from gateway.http.observe import current_request_id
from gateway.intake.form import Form, media_type_of, only_file, read_form
from gateway.strict_json import compact

router = APIRouter(tags=["DeepStack"])

FIELD = "image"
#: What DeepStack and CodeProject.AI take where a client says nothing; Frigate, for one, says nothing.
DEFAULT_CONFIDENCE = 0.4
#: Beside the served model's own name: what clients are told to write in docs/clients.md, whatever the model is called.
ALIAS = "yolo"

ERRORS = error_answers(
    errors.InvalidImage,
    errors.InvalidForm,
    errors.MissingFile,
    errors.TooManyFiles,
    errors.InvalidParameter,
    errors.UnsupportedImage,
    errors.UnsupportedMediaType,
    errors.BodyTooLarge,
    errors.ImageTooLarge,
    errors.VersionNotFound,
    *errors.UPSTREAM,
    path=f"{DEEPSTACK}/",
)
EXAMPLE = DeepStackResponse(
    success=True,
    predictions=[DeepStackPrediction(confidence=0.89, label="person", x_min=245, y_min=184, x_max=456, y_max=298)],
    count=1,
    message="Found person",
    inferenceMs=59,
    processMs=65,
    analysisRoundTripMs=69,
    code=200,
    request_id=REQUEST_ID_EXAMPLE,
)
ANSWER: dict[int | str, dict[str, Any]] = {200: {**example_answer(EXAMPLE)[200], "headers": openapi_answer_headers()}}
LIST_ANSWERS = {
    **example_answer(DeepStackListResponse(models=["yolo"], request_id=REQUEST_ID_EXAMPLE)),
    **error_answers(errors.InternalError, path=f"{DEEPSTACK}/"),
}
CUSTOM_ERRORS = {**ERRORS, **error_answers(errors.ModelNotFound, errors.VersionNotFound, path=f"{DEEPSTACK}/")}
BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {
                    FIELD: {"type": "string", "format": "binary", "description": "The picture"},
                    "min_confidence": {
                        "type": "number",
                        "minimum": 0,
                        "maximum": 1,
                        "default": DEFAULT_CONFIDENCE,
                        "description": "Least confidence of a prediction",
                    },
                },
            },
            "example": {FIELD: "the bytes of street.jpg", "min_confidence": 0.5},
        }
    },
}


@router.post(
    f"{DEEPSTACK}/detection",
    response_model=DeepStackResponse,
    responses={**ANSWER, **ERRORS},
    openapi_extra={"requestBody": BODY},
    summary="Detect the objects in one picture, as DeepStack does",
)
async def detection(request: Request, services: ServicesOf) -> Response:
    """Send the picture as the form field `image`; fields of DeepStack's that mean nothing here are ignored."""
    return await _answer(request, services)


@router.get(
    f"{DEEPSTACK}/custom/list",
    response_model=DeepStackListResponse,
    responses=LIST_ANSWERS,
)
@router.post(
    f"{DEEPSTACK}/custom/list",
    response_model=DeepStackListResponse,
    responses=LIST_ANSWERS,
)
async def list_custom(services: ServicesOf) -> DeepStackListResponse:
    """Name the models of `/v1/vision/custom/…`; Blue Iris fills its list of custom models with this."""
    return DeepStackListResponse(models=[services.settings.model_name], request_id=current_request_id())


@router.post(
    f"{DEEPSTACK}/custom/{{name}}",
    response_model=DeepStackResponse,
    responses={**ANSWER, **CUSTOM_ERRORS},
    openapi_extra={"requestBody": BODY, "parameters": [path_parameter("name", "The served model's name", "yolo")]},
    summary="The same under the model's name",
)
async def custom(request: Request, services: ServicesOf) -> Response:
    """Detect with the model of this name: the served one's, or `yolo`."""
    name = str(request.path_params["name"])
    services.check_model(name, ALIAS)
    return await _answer(request, services)


async def _answer(request: Request, services: Services) -> Response:
    started = time.perf_counter()
    services.readiness.require()
    media_type = media_type_of(request)
    if media_type != "multipart/form-data":
        raise errors.UnsupportedMediaType(
            f"Send a multipart form with the picture in the field '{FIELD}' (curl -F {FIELD}=@picture.jpg)."
        )
    form = await read_form(request, services.settings.max_body_bytes)
    version, _ = take_version(request, [])
    ask = make_ask(request, services, only_file(form, FIELD), _parameters(form), version)
    answer = await detect(request, services, ask)
    body = deepstack_body(answer.prediction, ask.request_id, (time.perf_counter() - started) * 1000)
    return Response(compact(body), headers=answer_headers(answer), media_type="application/json")


def _parameters(form: Form) -> Parameters:
    given = [value for name, value in form.fields if name == "min_confidence"] or [str(DEFAULT_CONFIDENCE)]
    try:
        if len(given) == 1:
            return Parameters.model_validate({"conf": given[0]})
    except ValidationError as error:
        raise errors.InvalidParameter(
            f"min_confidence: a number from 0 to 1 is expected (given: {errors.printable(given[0])})."
        ) from error
    raise errors.InvalidParameter(f"min_confidence: given {len(given)} times. Send it once.")
