"""The index of the Open Inference Protocol's model repository extension, as Triton has it."""

from collections.abc import Iterator, Sequence

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request

from gateway import errors
from gateway.api.descriptions import describe_all
from gateway.api.model_choice import usable_lines
from gateway.api.oip.schemas import OipIndexBody, OipIndexEntry, OipIndexResponse
from gateway.api.openapi.document import operation
from gateway.api.openapi.options import inline_schema
from gateway.api.services import ServicesOf
from gateway.http.errors import OIP
from gateway.intake.body import read_body
from gateway.model_server.base import Model, ModelVersion

router = APIRouter(tags=["Open Inference Protocol"], prefix=OIP)

#: Bytes of the body, which has one flag.
_MOST_BYTES = 4096
_EXAMPLE = OipIndexResponse([OipIndexEntry(name="yolo", version="1.0", state="READY", reason="")])
_OPERATION = operation(_EXAMPLE, errors.InvalidRequest, errors.BodyTooLarge, *errors.UPSTREAM, path=OIP)
_JSON = {"schema": inline_schema(OipIndexBody), "example": {"ready": True}}
_BODY = {"requestBody": {"content": {"application/json": _JSON}}}


@router.post("/repository/index", **{**_OPERATION, "openapi_extra": _BODY})
async def index(request: Request, services: ServicesOf) -> OipIndexResponse:
    """List every loaded version of every model with its state; with `{"ready": true}` those that can be used."""
    wanted = _read(await read_body(request, _MOST_BYTES))
    models = await describe_all(usable_lines(request, services), services.models.default)
    entries = [entry for entry in _entries(models) if entry.state == "READY" or not wanted.ready]
    return OipIndexResponse(entries)


def _read(body: bytes) -> OipIndexBody:
    try:
        return OipIndexBody.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise errors.InvalidRequest('The body is neither empty nor JSON such as {"ready": true}.') from error


def _entries(models: Sequence[Model]) -> Iterator[OipIndexEntry]:
    for model in models:
        for version in model.versions:
            reason = _not_ready(version)
            note = reason or ("unloaded; the next request loads it" if version.unloaded else "")
            yield OipIndexEntry(
                name=model.name,
                version=version.version,
                state="READY" if reason is None else "UNAVAILABLE",
                reason=note,
            )


def _not_ready(version: ModelVersion) -> str | None:
    if version.ready or version.unloaded:
        return None
    return f"none of its {len(version.workers)} workers is ready"
