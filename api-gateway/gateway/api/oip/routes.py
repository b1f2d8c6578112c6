"""The Open Inference Protocol, version 2, without inference: liveness, readiness and metadata."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.requests import Request

from gateway import __version__, errors
from gateway.api.model_choice import find_model, list_models
from gateway.api.oip.openapi import NAME, VERSION
from gateway.api.oip.schemas import (
    OipLiveResponse,
    OipModelMetadata,
    OipModelReadyResponse,
    OipModelsResponse,
    OipReadyResponse,
    OipServerMetadata,
)
from gateway.api.openapi.document import operation
from gateway.api.services import Services, ServicesOf
from gateway.api.versioning import is_version
from gateway.http.errors import OIP
from gateway.model_server.base import ModelVersion
from gateway.model_server.errors import BackendNotReady
from gateway.oip.layout import BINARY_EXTENSION, model_metadata

router = APIRouter(tags=["Open Inference Protocol"], prefix=OIP)


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


#: The parts of the address, which NAME and VERSION describe.
Name = Annotated[str, Depends(_name)]
Version = Annotated[str, Depends(_version_of)]


SERVER = OipServerMetadata(name="yolo-serving gateway", version=__version__, extensions=[BINARY_EXTENSION])
SELF = (errors.InternalError,)
MODEL: errors.Kinds = (errors.ModelNotFound, errors.VersionNotFound, *errors.UPSTREAM)
Route = TypeVar("Route", bound=Callable[..., Any])
#: The end of the addresses of Triton's statistics extension; those of all models are at ``/v2/models/stats``.
STATISTICS = "stats"
ONE, EACH = "/models/{name}", "/models/{name}/versions/{version}"


def _get(path: str, example: BaseModel, kinds: errors.Kinds, *parameters: Any) -> Callable[[Route], Route]:
    return router.get(path, **operation(example, *kinds, path=OIP, parameters=parameters))


@_get("", SERVER, SELF)
async def server() -> OipServerMetadata:
    """Return the server's name and the extensions that it supports."""
    return SERVER


@_get("/health/live", OipLiveResponse(live=True), SELF)
async def live() -> OipLiveResponse:
    """Return that the gateway's process answers."""
    return OipLiveResponse(live=True)


@_get("/health/ready", OipReadyResponse(ready=True), (errors.InternalError, errors.ModelNotReady))
async def ready(services: ServicesOf) -> OipReadyResponse:
    """Return whether predictions can be made, from a recent check; 503 with the reason otherwise."""
    await services.readiness.require_ready()
    return OipReadyResponse(ready=True)


@_get("/models", OipModelsResponse(models=["yolo"]), SELF)
async def models(request: Request, services: ServicesOf) -> OipModelsResponse:
    """List the names of the models."""
    return OipModelsResponse(models=list_models(request, services))


@_get(ONE, _described("yolo", ["1.0", "1.1"]), (*MODEL, errors.StatisticsNotKept), NAME)
async def metadata(name: Name, request: Request, services: ServicesOf) -> OipModelMetadata:
    """Describe the model's loaded versions, its input and its outputs."""
    if name == STATISTICS and name != services.settings.model_name:
        raise errors.StatisticsNotKept
    return _described(name, [loaded.version for loaded in await _versions(name, request, services)])


@_get(EACH, _described("yolo", ["1.0"]), MODEL, NAME, VERSION)
async def version_metadata(name: Name, version: Version, request: Request, services: ServicesOf) -> OipModelMetadata:
    """Describe one version; 404 if it is not loaded."""
    return _described(name, [(await _version(name, version, request, services)).version])


@_get(f"{ONE}/ready", OipModelReadyResponse(name="yolo", ready=True), MODEL, NAME)
async def model_ready(name: Name, request: Request, services: ServicesOf) -> OipModelReadyResponse:
    """Return whether the model can be used, from a recent check; 503 with the reason otherwise."""
    await (await find_model(request, services, name)).readiness.require_ready()
    return OipModelReadyResponse(name=name, ready=True)


@_get(f"{EACH}/ready", OipModelReadyResponse(name="yolo", ready=True), MODEL, NAME, VERSION)
async def version_ready(name: Name, version: Version, request: Request, services: ServicesOf) -> OipModelReadyResponse:
    """Return whether this version can be used; 503 with the reason otherwise."""
    found = await _version(name, version, request, services)
    if not found.ready and not found.unloaded:
        raise BackendNotReady(f"none of the {len(found.workers)} workers of version {version} is ready")
    return OipModelReadyResponse(name=name, ready=True)


@router.get(f"{ONE}/{STATISTICS}", include_in_schema=False)
@router.get(f"{EACH}/{STATISTICS}", include_in_schema=False)
async def statistics() -> None:
    """Answer clients of Triton's statistics extension that there are none here."""
    raise errors.StatisticsNotKept


async def _versions(name: str, request: Request, services: Services) -> list[ModelVersion]:
    line = await find_model(request, services, name)
    return [version for model in await line.backend.models() for version in model.versions]


async def _version(name: str, version: str, request: Request, services: Services) -> ModelVersion:
    for loaded in await _versions(name, request, services):
        if loaded.version == version:
            return loaded
    raise errors.VersionNotFound
