"""POST /predict/batch: many pictures in, an outcome for each, together or line by line as they are finished."""

import time
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.answer_headers import answer_headers
from gateway.api.caching import openapi_request_header
from gateway.api.openapi.document import error_answers, option_parameters
from gateway.api.predict.batch import Outcome, run_batch
from gateway.api.predict.formats import BATCH_OPTIONS, NDJSON, answer_for_many, split_options
from gateway.api.predict.openapi import BATCH_ANSWERS, BATCH_BODY
from gateway.api.predict.schemas import BatchResponse
from gateway.api.services import ServicesOf
from gateway.api.versioning import openapi_naming, take_version
from gateway.detection.parameters import openapi_parameters, read_parameters
from gateway.http.disconnect import unless_client_leaves
from gateway.http.ndjson import LinesResponse, WriteLine
from gateway.http.observe import current_request_id
from gateway.intake.request_body import read_pictures
from gateway.strict_json import compact

router = APIRouter(tags=["predict"])

#: Errors of the request as a whole; those of a picture stand in its own entry.
ERRORS = error_answers(
    errors.InvalidForm,
    errors.InvalidJson,
    errors.NotAcceptable,
    errors.BodyTooLarge,
    errors.UnsupportedMediaType,
    errors.InvalidParameter,
    errors.MissingFile,
    errors.TooManyFiles,
    errors.InternalError,
    errors.ModelNotReady,
)


@router.post(
    "/predict/batch",
    response_model=BatchResponse,
    responses={**BATCH_ANSWERS, **ERRORS},
    openapi_extra={
        "requestBody": BATCH_BODY,
        "parameters": [
            *openapi_parameters(),
            *openapi_naming(),
            *option_parameters(BATCH_OPTIONS),
            openapi_request_header(),
        ],
    },
    summary="Detect the objects in many pictures",
)
async def predict_batch(request: Request, services: ServicesOf) -> Response:
    """Send pictures as form fields `files`, or in JSON as `images`; parameters hold for all of them.

    The answer is 200 with an entry per picture, in order, each a success or an error of its own. With
    `format=ndjson` or `Accept: application/x-ndjson` each entry is a line, sent as soon as it is there.
    """
    started = time.perf_counter()
    services.readiness.require()
    sent = await read_pictures(request, services.settings)
    options, given = split_options(BATCH_OPTIONS, request.query_params.multi_items(), sent.fields)
    media_type = answer_for_many(options, request.headers.get("accept"))
    version, given = take_version(request, given)
    parameters = read_parameters(given)
    work = partial(run_batch, request, services, sent.pictures, parameters, version)
    if media_type == NDJSON:

        async def write(line: WriteLine) -> None:
            await work(lambda outcome: line(outcome.entry))

        return LinesResponse(request, write, NDJSON)
    outcomes: list[Outcome] = []

    async def keep(outcome: Outcome) -> None:
        outcomes.append(outcome)

    await unless_client_leaves(request, work(keep))
    results = sorted((outcome.entry for outcome in outcomes), key=lambda entry: entry["index"])
    succeeded = sum(entry["status"] == "success" for entry in results)
    body = {
        "status": "success",
        "results": results,
        "succeeded": succeeded,
        "failed": len(results) - succeeded,
        "timings_ms": {"total": round((time.perf_counter() - started) * 1000, 2)},
        "request_id": current_request_id(),
    }
    headers = answer_headers(*(outcome.answer for outcome in outcomes if outcome.answer is not None))
    return Response(compact(body), headers=headers, media_type="application/json")
