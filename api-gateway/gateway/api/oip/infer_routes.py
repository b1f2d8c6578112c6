"""Inference by the Open Inference Protocol, version 2, which clients of KServe and Triton use.

https://github.com/kserve/open-inference-protocol, with the binary tensor data extension that tritonclient uses.
"""

import asyncio
import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.answer_headers import answer_headers
from gateway.api.ask import make_ask
from gateway.api.claim import claim_of
from gateway.api.model_choice import usable_model
from gateway.api.oip.openapi import NAME, VERSION, infer_operation
from gateway.api.oip.requests import InferRequest, Limits, read_request
from gateway.api.oip.responses import write_response
from gateway.api.oip.routes import Name, Version
from gateway.api.oip.several import about_image, detect_all
from gateway.api.services import Services, ServicesOf
from gateway.api.versioning import version_in_header
from gateway.detection.request import Ask
from gateway.http.disconnect import unless_client_leaves
from gateway.http.errors import OIP
from gateway.http.headers import HEAD_LENGTH_HEADER
from gateway.intake.body import read_body
from gateway.intake.charset import check_charset
from gateway.intake.content_type import charset_of
from gateway.intake.json_body import most_json_bytes
from gateway.oip.messages import head_length
from gateway.oip.tensors import TensorError

router = APIRouter(tags=["Open Inference Protocol"], prefix=OIP)


@router.post("/models/{name}/infer", summary="Detect the objects in one or several images", **infer_operation(NAME))
async def infer(name: Name, request: Request, services: ServicesOf) -> Response:
    """Send the images as the BYTES input `image`, in JSON as base64 or as binary data after the JSON."""
    return await _infer(name, None, request, services)


@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="The same with one version of the model",
    **infer_operation(NAME, VERSION),
)
async def version_infer(name: Name, version: Version, request: Request, services: ServicesOf) -> Response:
    """Use one loaded version; 404 if it is not loaded."""
    return await _infer(name, version, request, services)


async def _infer(name: str, version: str | None, request: Request, services: Services) -> Response:
    started = time.perf_counter()
    claim_of(request)  # its time runs from here
    await usable_model(request, services, name)
    version = _one_version(request, version)
    wanted = await _read(request, services)
    asks = [await _ask(request, services, wanted, number, version, name) for number in range(len(wanted.images))]
    answers = await unless_client_leaves(
        request, detect_all(services.detector, asks, services.settings.batch_concurrency)
    )
    total_ms = (time.perf_counter() - started) * 1000
    predictions = [answer.prediction for answer in answers]
    body, length = write_response(asks, predictions, wanted.outputs, name, wanted.id, total_ms)
    headers = answer_headers(*answers)
    if length is None:
        return Response(body, headers=headers, media_type="application/json")
    headers[HEAD_LENGTH_HEADER] = str(length)
    return Response(body, headers=headers, media_type="application/octet-stream")


async def _read(request: Request, services: Services) -> InferRequest:
    check_charset(charset_of(request.headers.get("content-type", "")))
    try:
        length = head_length(request.headers.get(HEAD_LENGTH_HEADER))
    except TensorError as error:
        raise errors.InvalidInferRequest(f"The inference request cannot be read: {error}.") from error
    settings = services.settings
    limits = Limits(settings.max_batch_files, settings.max_body_bytes)
    most = settings.max_batch_bytes if length is not None else most_json_bytes(settings.max_batch_bytes)
    body = await read_body(request, most)
    return await read_request(body, length, limits)


async def _ask(
    request: Request, services: Services, wanted: InferRequest, number: int, version: str | None, model: str
) -> Ask:
    await asyncio.sleep(0)  # so that the headers of many images do not keep other requests waiting
    with about_image(number, len(wanted.images)):
        is_alone = len(wanted.images) == 1
        return make_ask(request, services, wanted.images[number], wanted.parameters, version, model, is_alone)


def _one_version(request: Request, addressed: str | None) -> str | None:
    """Return the version in the address, else in the header; if both name one, it must be the same."""
    in_header = version_in_header(request)
    if None not in (addressed, in_header) and addressed != in_header:
        raise errors.InvalidParameter(
            f"version: the address names {errors.printable(str(addressed))} and the header "
            f"{errors.printable(str(in_header))}"
        )
    return addressed or in_header
