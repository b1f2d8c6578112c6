"""The services that routes use, created once by ``create_app``."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from gateway.detection.request import Detector
from gateway.drawing.studio import Studio
from gateway.errors import ModelNotFound, printable
from gateway.http.observe import Metrics
from gateway.intake.fetch import ImageFetcher
from gateway.limits.bodies import UploadMemory
from gateway.model_server.base import InferenceBackend
from gateway.model_server.readiness import ReadinessWatch
from gateway.routing.versions import Versions
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The application's settings, model server, detector, readiness watch and so on."""

    settings: Settings
    backend: InferenceBackend
    detector: Detector
    readiness: ReadinessWatch
    metrics: Metrics
    #: Draws annotated images.
    studio: Studio
    #: Downloads images by URL, if URL_ALLOW allows it.
    fetcher: ImageFetcher
    #: The memory budget of request bodies and downloaded images.
    uploads: UploadMemory
    #: Chooses the version for each request, and keeps statistics of each.
    versions: Versions

    def check_model(self, name: str, *aliases: str) -> None:
        """Raise :class:`~gateway.errors.ModelNotFound` for any name except the served model's and these."""
        served = self.settings.model_name
        if name not in (served, *aliases):
            raise ModelNotFound(f"There is no model {printable(name)}; the served one is '{served}'.")


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


#: The annotation of a route's parameter that receives the services.
ServicesOf = Annotated[Services, Depends(_services)]
