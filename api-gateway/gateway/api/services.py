"""What every route works with, made once by ``create_app``."""

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
    """The application's one settings object, backend, way to it, readiness watch and so on."""

    settings: Settings
    backend: InferenceBackend
    detector: Detector
    readiness: ReadinessWatch
    metrics: Metrics
    #: Draws annotated images.
    studio: Studio
    #: Fetches images by their addresses; it refuses all of them unless URL_ALLOW says otherwise.
    fetcher: ImageFetcher
    #: What request bodies, and the images that are fetched, take their room from.
    uploads: UploadMemory
    #: Which version answers whom, and what each did.
    versions: Versions

    def check_model(self, name: str, *aliases: str) -> None:
        """Raise :class:`~gateway.errors.ModelNotFound` for any name but the served model's and these."""
        served = self.settings.model_name
        if name not in (served, *aliases):
            raise ModelNotFound(f"There is no model {printable(name)} here; there is '{served}'.")


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


#: Annotate a route's parameter with this to get the services.
ServicesOf = Annotated[Services, Depends(_services)]
