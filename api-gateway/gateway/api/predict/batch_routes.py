"""POST /predict/batch: many images in, an outcome for each, together or line by line as they are finished."""

import time
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.answer_headers import answer_headers
from gateway.api.model_choice import check_before_body, usable_models
from gateway.api.predict.batch import Outcome, run_batch
from gateway.api.predict.openapi import BATCH
from gateway.api.predict.options import NDJSON, BatchOptions
from gateway.api.predict.several import check_several
from gateway.api.predict.then_options import second_stage
from gateway.api.services import ServicesOf
from gateway.api.versioning import version_in_header
from gateway.detection.parameters import read_options
from gateway.http.disconnect import unless_client_leaves
from gateway.http.ndjson import LinesResponse, WriteLine
from gateway.http.observe import current_request_id
from gateway.intake.request_body import read_images
from gateway.strict_json import compact

router = APIRouter(tags=["predict"])


@router.post("/predict/batch", summary="Detect the objects in many images", **BATCH)
async def predict_batch(request: Request, services: ServicesOf) -> Response:
    """Send images as form fields `files`, or in JSON as `images`; parameters hold for all of them.

    The answer is 200 with an entry per image, in order, each a success or an error of its own. With `format=ndjson` or
    `Accept: application/x-ndjson` each entry is a line, sent as soon as it is available.
    """
    started = time.perf_counter()
    await check_before_body(request, services, urgent=False)
    sent = await read_images(request, services.settings)
    in_header = version_in_header(request)
    options = read_options(BatchOptions, request.query_params.multi_items(), sent.fields)
    wish = await second_stage(request, services, options)
    media_type = options.media_type(request.headers.get("accept"))
    models = await usable_models(request, services, options.model)
    version = options.version or in_header
    if len(models) > 1:
        check_several(version, wish)
    work = partial(run_batch, request, services, sent.images, options, version, models, wish)
    if media_type == NDJSON:

        async def write(line: WriteLine) -> None:
            await work(lambda outcome: line(outcome.entry))

        return LinesResponse(request, write, NDJSON)
    outcomes: list[Outcome] = []

    async def keep(outcome: Outcome) -> None:
        outcomes.append(outcome)

    await unless_client_leaves(request, work(keep))
    results = sorted((outcome.entry for outcome in outcomes), key=lambda entry: entry["index"])
    answers = [answer for outcome in outcomes for answer in outcome.answers]
    succeeded = sum(entry["status"] == "success" for entry in results)
    body = {
        "status": "success",
        "results": results,
        "succeeded": succeeded,
        "failed": len(results) - succeeded,
        "timings_ms": {"total": round((time.perf_counter() - started) * 1000, 2)},
        "request_id": current_request_id(),
    }
    return Response(compact(body), headers=answer_headers(*answers), media_type="application/json")
