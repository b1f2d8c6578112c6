"""POST /predict: one image in, its detections out, as JSON or drawn on the image."""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.answer_headers import image_headers
from gateway.api.answer_json import json_response
from gateway.api.ask import make_ask
from gateway.api.model_choice import check_before_body, usable_models
from gateway.api.predict.direct import DirectRoute
from gateway.api.predict.openapi import PREDICT
from gateway.api.predict.options import PredictOptions
from gateway.api.predict.several import ask_each, check_several, each_response
from gateway.api.predict.stages import detect
from gateway.api.predict.then_options import second_stage
from gateway.api.services import ServicesOf
from gateway.api.versioning import version_in_header
from gateway.detection.parameters import read_options
from gateway.http.caller import caller_of
from gateway.http.disconnect import unless_client_leaves
from gateway.intake.request_body import read_image
from gateway.intake.sources import load_image
from gateway.second_stage.labels import label

router = APIRouter(tags=["predict"], route_class=DirectRoute)


@router.post("/predict", summary="Detect the objects in one image", **PREDICT)
async def predict(request: Request, services: ServicesOf) -> Response:
    """Send an image as the form field `file`, as the body itself, or in JSON; parameters with it or in the query.

    The answer is JSON, or, with `format=image` or an `Accept` of `image/…`, the image with the detections drawn on it.
    With several models (`model=a,b`) it is JSON with an entry per model, in order, each a success or an error.
    """
    started = time.perf_counter()
    await check_before_body(request, services)
    sent = await read_image(request, services.settings)
    in_header = version_in_header(request)
    options = read_options(PredictOptions, request.query_params.multi_items(), sent.fields)
    models = await usable_models(request, services, options.model)
    version = options.version or in_header
    wish = await second_stage(request, services, options)
    drawing, caller = options.drawing(request.headers.get("accept")), caller_of(request.scope)
    if len(models) > 1:
        check_several(version, wish, drawing)

    async def answer() -> Response:
        with services.uploads.share() as share:  # of what is downloaded, until it is answered
            image = await load_image(sent.source, services.fetcher, share.take, caller)
            ask = make_ask(request, services, image, options, version, models[0].name)
            if len(models) > 1:
                at_once = services.settings.batch_concurrency
                return each_response(await ask_each(services, ask, models, started, at_once))
            if drawing is not None:  # before the model server works for an image that cannot be drawn
                services.studio.needed_bytes(ask.header, drawing)
            found, second = await detect(services, ask, wish, share.take)
            if drawing is None:
                return json_response(found, ask, (time.perf_counter() - started) * 1000, second)
            began = time.perf_counter()
            shown = found.prediction if second is None else label(found.prediction, second)
            content = await services.studio.annotate(image, ask.header, shown, drawing)
            now = time.perf_counter()
            more_ms = {} if second is None else second.timings_ms
            headers = image_headers(found, (now - began) * 1000, (now - started) * 1000, more_ms)
            return Response(content, headers=headers, media_type=drawing.media_type)

    return await unless_client_leaves(request, answer())
