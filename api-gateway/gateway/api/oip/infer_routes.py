"""Inference by the Open Inference Protocol, version 2: what clients of KServe and Triton speak.

https://github.com/kserve/open-inference-protocol, with the binary tensor data extension that tritonclient uses.
"""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.answer_headers import answer_headers
from gateway.api.body import prediction_body
from gateway.api.detect import make_ask
from gateway.api.oip.openapi import INFER_ANSWER, INFER_BODY, INFER_HEADERS
from gateway.api.oip.requests import InferRequest, Limits, read_infer, read_raw
from gateway.api.oip.responses import Found, write_response
from gateway.api.oip.routes import NAME, VERSION, Name, Version
from gateway.api.oip.several import about_picture, detect_all
from gateway.api.openapi.document import error_answers
from gateway.api.services import Services, ServicesOf
from gateway.api.versioning import take_version
from gateway.detection.request import Ask
from gateway.http.disconnect import unless_client_leaves
from gateway.http.errors import OIP
from gateway.http.headers import HEAD_LENGTH_HEADER
from gateway.intake.form import read_body
from gateway.intake.json_body import most_json_bytes
from gateway.oip.messages import head_length
from gateway.oip.tensors import TensorError
from gateway.strict_json import compact

router = APIRouter(tags=["Open Inference Protocol"], prefix=OIP)

ERRORS = error_answers(
    errors.InvalidInferRequest,
    errors.InvalidBase64,
    errors.InvalidImage,
    errors.ModelNotFound,
    errors.VersionNotFound,
    errors.BodyTooLarge,
    errors.ImageTooLarge,
    errors.UnsupportedImage,
    errors.UnsupportedMediaType,
    errors.InvalidParameter,
    errors.TooManyFiles,
    *errors.UPSTREAM,
    path=OIP,
)


@router.post(
    "/models/{name}/infer",
    responses={200: INFER_ANSWER, **ERRORS},
    response_class=Response,
    openapi_extra={"requestBody": INFER_BODY, "parameters": [NAME, *INFER_HEADERS]},
    summary="Detect the objects in one or several pictures",
)
async def infer(name: Name, request: Request, services: ServicesOf) -> Response:
    """Send the pictures as the BYTES input `image`, in JSON as base64 or as binary data behind the JSON."""
    return await _infer(name, None, request, services)


@router.post(
    "/models/{name}/versions/{version}/infer",
    responses={200: INFER_ANSWER, **ERRORS},
    response_class=Response,
    openapi_extra={"requestBody": INFER_BODY, "parameters": [NAME, VERSION, *INFER_HEADERS]},
    summary="The same with one version of the model",
)
async def version_infer(name: Name, version: Version, request: Request, services: ServicesOf) -> Response:
    """Ask one loaded version; 404 for one that is not."""
    return await _infer(name, version, request, services)


async def _infer(name: str, version: str | None, request: Request, services: Services) -> Response:
    started = time.perf_counter()
    services.check_model(name)
    services.readiness.require()
    version = _one_version(request, version)
    wanted = await _read(request, services)
    asks = [_ask(request, services, wanted, number, version) for number in range(len(wanted.images))]
    answers = await unless_client_leaves(
        request, detect_all(services.detector, asks, services.settings.batch_concurrency)
    )
    predictions = [answer.prediction for answer in answers]
    total_ms = (time.perf_counter() - started) * 1000
    documents = [
        compact(prediction_body(prediction, ask.header, ask.request_id, total_ms))
        for prediction, ask in zip(predictions, asks, strict=True)
    ]
    body, length = write_response(
        Found(predictions, [ask.header for ask in asks], documents), wanted.outputs, name, wanted.id
    )
    headers = answer_headers(*answers)
    if length is None:
        return Response(body, headers=headers, media_type="application/json")
    headers[HEAD_LENGTH_HEADER] = str(length)
    return Response(body, headers=headers, media_type="application/octet-stream")


async def _read(request: Request, services: Services) -> InferRequest:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise errors.UnsupportedMediaType(
            f"Content-Encoding {errors.printable(encoding)} is not taken: pictures are compressed already. "
            "Send the request without request_compression_algorithm."
        )
    try:
        length = head_length(request.headers.get(HEAD_LENGTH_HEADER))
    except TensorError as error:
        raise errors.InvalidInferRequest(f"The inference request cannot be read: {error}.") from error
    settings = services.settings
    limits = Limits(settings.max_batch_files, settings.max_body_bytes)
    most = settings.max_batch_bytes if length is not None else most_json_bytes(settings.max_batch_bytes)
    body = await read_body(request, most)
    return read_raw(body, limits) if length == 0 else read_infer(body, length, limits)


def _ask(request: Request, services: Services, wanted: InferRequest, number: int, version: str | None) -> Ask:
    with about_picture(number, len(wanted.images)):
        return make_ask(request, services, wanted.images[number], wanted.parameters, version)


def _one_version(request: Request, addressed: str | None) -> str | None:
    """Return the version that the address names, else the header; both may name the same one."""
    named, _ = take_version(request, [])
    if addressed is None or named in (None, addressed):
        return addressed or named
    raise errors.InvalidParameter(
        f"version: the address names {errors.printable(addressed)} and the header {errors.printable(str(named))}"
    )
