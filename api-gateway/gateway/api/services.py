"""The services that routes use, created once by ``create_app``."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from gateway.detection.request import Detector
from gateway.drawing.studio import Studio
from gateway.drift.watch import DriftWatch
from gateway.http.observe import Metrics
from gateway.intake.fetch import ImageFetcher
from gateway.limits.bodies import UploadMemory
from gateway.limits.rate_counters import RateLimits
from gateway.model_server.base import InferenceBackend
from gateway.model_server.readiness import ReadinessWatch
from gateway.models.lines import Lines
from gateway.models.worker_metrics import WorkerMetrics
from gateway.routing.versions import Versions
from gateway.second_stage.stage import SecondStage
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The application's settings, models and so on. ``backend``, ``readiness``, ``versions``: the default model's."""

    settings: Settings
    #: The models, each with its backend, readiness and versions.
    models: Lines
    metrics: Metrics
    #: The model server's workers, as the metrics tell of them.
    workers: WorkerMetrics
    #: How far each version is from what it found at first.
    drift: DriftWatch
    #: Draws annotated images.
    studio: Studio
    #: Gives what was found to a second model.
    second_stage: SecondStage
    #: Downloads images by URL, if URL_ALLOW allows it.
    fetcher: ImageFetcher
    #: The memory budget of request bodies and downloaded images.
    uploads: UploadMemory
    #: The rates of callers, in all and of each model; None without any.
    rate_limits: RateLimits | None

    @property
    def detector(self) -> Detector:
        """What answers an :class:`~gateway.detection.request.Ask` with the model that it names."""
        return self.models

    @property
    def backend(self) -> InferenceBackend:
        """The model server, as the default model is asked there."""
        return self.models.default.backend

    @property
    def readiness(self) -> ReadinessWatch:
        """Whether the default model can be used."""
        return self.models.default.readiness

    @property
    def versions(self) -> Versions:
        """The versions of the default model, and their traffic."""
        return self.models.default.versions


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


#: The annotation of a route's parameter that receives the services.
ServicesOf = Annotated[Services, Depends(_services)]
