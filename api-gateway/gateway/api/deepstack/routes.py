"""DeepStack's object detection, which Frigate, Blue Iris, Home Assistant and Agent DVR use.

Sources: DeepStack's server, CodeProject.AI's detection module (its successor, which Blue Iris expects), Frigate's
detector plugin and Home Assistant's integration. They send the image as the form field ``image``, most also
``min_confidence`` and ``api_key``, and stop reading at the first prediction below their own threshold.
"""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.answer_headers import answer_headers
from gateway.api.ask import make_ask
from gateway.api.claim import claim_of
from gateway.api.deepstack.openapi import CUSTOM, DETECTION, LIST
from gateway.api.deepstack.schemas import FIELD, DeepStackListResponse, DeepStackOptions, deepstack_json
from gateway.api.model_choice import check_chance, list_models, usable_model, without_alias
from gateway.api.services import Services, ServicesOf
from gateway.api.versioning import version_in_header
from gateway.detection.parameters import Parameters, read_options
from gateway.http.disconnect import unless_client_leaves
from gateway.http.errors import DEEPSTACK
from gateway.http.observe import current_request_id
from gateway.intake.body import read_body
from gateway.intake.content_type import FORM, read_content_type
from gateway.intake.form import read_file
from gateway.intake.look_alikes import refuse_look_alikes
from gateway.strict_json import compact

router = APIRouter(tags=["DeepStack"])

#: A name that every client may use, whatever the served model is called; docs/clients.md uses it.
ALIAS = "yolo"


@router.post(f"{DEEPSTACK}/detection", summary="Detect the objects in one image, as DeepStack does", **DETECTION)
async def detection(request: Request, services: ServicesOf) -> Response:
    """Send the image as the form field `image`; DeepStack's fields without a meaning here are ignored."""
    return await _answer(request, services, None)


@router.get(f"{DEEPSTACK}/custom/list", **LIST)
@router.post(f"{DEEPSTACK}/custom/list", **LIST)
async def list_custom(request: Request, services: ServicesOf) -> DeepStackListResponse:
    """Return the names of the models of `/v1/vision/custom/…`; Blue Iris fills its list of custom models with them."""
    return DeepStackListResponse(models=list_models(request, services), request_id=current_request_id())


@router.post(f"{DEEPSTACK}/custom/{{name}}", summary="The same under the model's name", **CUSTOM)
async def custom(request: Request, services: ServicesOf) -> Response:
    """Detect with the model of this name; `yolo` is the default model, whatever its name."""
    name = without_alias(services, str(request.path_params["name"]), ALIAS)
    return await _answer(request, services, name)


async def _answer(request: Request, services: Services, name: str | None) -> Response:
    started = time.perf_counter()
    claim = claim_of(request)
    model = await usable_model(request, services, name)
    await check_chance(request, model, claim)
    content_type = read_content_type(request.headers.get("content-type", ""))
    if content_type.media_type != FORM:
        raise errors.UnsupportedMediaType(
            f"Send a multipart form with the image in the field '{FIELD}' (curl -F {FIELD}=@image.jpg)."
        )
    image, options = await _read(request, services, content_type.boundary)
    parameters = Parameters(conf=options.min_confidence)
    ask = make_ask(request, services, image, parameters, version_in_header(request), model.name)
    answer = await unless_client_leaves(request, services.detector.detect(ask))
    most = services.settings.deepstack_max_detections
    body = deepstack_json(answer.prediction, most, ask.request_id, (time.perf_counter() - started) * 1000)
    return Response(compact(body), headers=answer_headers(answer), media_type="application/json")


async def _read(request: Request, services: Services, boundary: bytes) -> tuple[bytes, DeepStackOptions]:
    """Return the image and the options; the body is released."""
    image, fields = await read_file(await read_body(request, services.settings.max_body_bytes), boundary, FIELD)
    refuse_look_alikes(image)
    known = [field for field in fields if field[0] in DeepStackOptions.model_fields]
    return image, read_options(DeepStackOptions, known)
