"""What every route works with, made once by ``create_app``."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from gateway.backends.base import InferenceBackend
from gateway.detector import Detector
from gateway.metrics import Metrics
from gateway.readiness import ReadinessWatch
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The application's one settings object, backend, way to it, readiness watch and metrics."""

    settings: Settings
    backend: InferenceBackend
    detector: Detector
    readiness: ReadinessWatch
    metrics: Metrics


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


#: Annotate a route's parameter with this to get the services.
ServicesOf = Annotated[Services, Depends(_services)]
