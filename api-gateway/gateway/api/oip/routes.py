"""The Open Inference Protocol, version 2, without inference: liveness, readiness and metadata."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from gateway import __version__, errors
from gateway.api.oip.openapi import NAME, VERSION
from gateway.api.oip.schemas import (
    OipLiveResponse,
    OipModelMetadata,
    OipModelReadyResponse,
    OipModelsResponse,
    OipReadyResponse,
    OipServerMetadata,
)
from gateway.api.openapi.document import error_answers, example_answer
from gateway.api.services import Services, ServicesOf
from gateway.api.versioning import is_version
from gateway.http.errors import OIP
from gateway.model_server.base import ModelVersion
from gateway.model_server.errors import BackendNotReady
from gateway.oip.layout import BINARY_EXTENSION, model_metadata

router = APIRouter(tags=["Open Inference Protocol"], prefix=OIP)

SELF_ERRORS = error_answers(errors.InternalError, path=OIP)
READY_ERRORS = error_answers(errors.InternalError, errors.ModelNotReady, path=OIP)
MODEL_ERRORS = error_answers(errors.ModelNotFound, errors.VersionNotFound, *errors.UPSTREAM, path=OIP)


ONE_MODEL, ONE_VERSION = {"parameters": [NAME]}, {"parameters": [NAME, VERSION]}


async def _name(request: Request) -> str:
    return str(request.path_params["name"])


async def _version_of(request: Request) -> str:
    """Return the version. It goes on into URLs of the model server, where '..' would be another URL."""
    version = str(request.path_params["version"])
    if not is_version(version):
        raise errors.VersionNotFound
    return version


def _described(name: str, versions: list[str]) -> OipModelMetadata:
    return OipModelMetadata.model_validate(model_metadata(name, versions))


SERVER = OipServerMetadata(name="yolo-serving gateway", version=__version__, extensions=[BINARY_EXTENSION])
SERVER_ANSWERS = {**example_answer(SERVER), **SELF_ERRORS}
LIVE_ANSWERS = {**example_answer(OipLiveResponse(live=True)), **SELF_ERRORS}
READY_ANSWERS = {**example_answer(OipReadyResponse(ready=True)), **READY_ERRORS}
MODELS_ANSWERS = {**example_answer(OipModelsResponse(models=["yolo"])), **SELF_ERRORS}
METADATA_ANSWERS = {**example_answer(_described("yolo", ["1.0", "1.1"])), **MODEL_ERRORS}
VERSION_ANSWERS = {**example_answer(_described("yolo", ["1.0"])), **MODEL_ERRORS}
MODEL_READY_ANSWERS = {**example_answer(OipModelReadyResponse(name="yolo", ready=True)), **MODEL_ERRORS}

#: What the address names; ONE_MODEL and ONE_VERSION describe it.
Name = Annotated[str, Depends(_name)]
Version = Annotated[str, Depends(_version_of)]


@router.get("", response_model=OipServerMetadata, responses=SERVER_ANSWERS)
async def server() -> OipServerMetadata:
    """Return the server's name and the extensions that it supports."""
    return SERVER


@router.get("/health/live", response_model=OipLiveResponse, responses=LIVE_ANSWERS)
async def live() -> OipLiveResponse:
    """Return that the gateway's process answers."""
    return OipLiveResponse(live=True)


@router.get("/health/ready", response_model=OipReadyResponse, responses=READY_ANSWERS)
async def ready(services: ServicesOf) -> OipReadyResponse:
    """Return the current state of the model server; 503 with the reason while a prediction cannot be made."""
    await services.readiness.require_ready()
    return OipReadyResponse(ready=True)


@router.get("/models", response_model=OipModelsResponse, responses=MODELS_ANSWERS)
async def models(services: ServicesOf) -> OipModelsResponse:
    """List the names of the models."""
    return OipModelsResponse(models=[services.settings.model_name])


@router.get("/models/{name}", response_model=OipModelMetadata, responses=METADATA_ANSWERS, openapi_extra=ONE_MODEL)
async def metadata(name: Name, services: ServicesOf) -> OipModelMetadata:
    """Describe the model's loaded versions, its input and its outputs."""
    return _described(name, [loaded.version for loaded in await _versions(name, services)])


@router.get(
    "/models/{name}/versions/{version}",
    response_model=OipModelMetadata,
    responses=VERSION_ANSWERS,
    openapi_extra=ONE_VERSION,
)
async def version_metadata(name: Name, version: Version, services: ServicesOf) -> OipModelMetadata:
    """Describe one version; 404 if it is not loaded."""
    return _described(name, [(await _version(name, version, services)).version])


@router.get(
    "/models/{name}/ready", response_model=OipModelReadyResponse, responses=MODEL_READY_ANSWERS, openapi_extra=ONE_MODEL
)
async def model_ready(name: Name, services: ServicesOf) -> OipModelReadyResponse:
    """Return the current state of the model server; 503 with the reason while a prediction cannot be made."""
    services.check_model(name)
    await services.readiness.require_ready()
    return OipModelReadyResponse(name=name, ready=True)


@router.get(
    "/models/{name}/versions/{version}/ready",
    response_model=OipModelReadyResponse,
    responses=MODEL_READY_ANSWERS,
    openapi_extra=ONE_VERSION,
)
async def version_ready(name: Name, version: Version, services: ServicesOf) -> OipModelReadyResponse:
    """Return whether this version can be used."""
    found = await _version(name, version, services)
    if not any(worker.state == "READY" for worker in found.workers):
        raise BackendNotReady(f"none of the {len(found.workers)} workers of version {version} is ready")
    return OipModelReadyResponse(name=name, ready=True)


async def _versions(name: str, services: Services) -> list[ModelVersion]:
    services.check_model(name)
    return [version for model in await services.backend.models() for version in model.versions]


async def _version(name: str, version: str, services: Services) -> ModelVersion:
    for loaded in await _versions(name, services):
        if loaded.version == version:
            return loaded
    raise errors.VersionNotFound
