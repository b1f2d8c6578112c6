"""TorchServe as a backend: the only module that knows its addresses and what its statuses mean.

Its JSON is read in :mod:`gateway.backends.torchserve_answers`.

Read in TorchServe 0.12.0 and checked against it:

- ``POST /predictions/MODEL`` drops the query string; ``POST /models/MODEL/invoke`` hands it to the handler, and so
  does ``POST /MODEL/VERSION/predict`` for one version.
- Statuses that a handler sets per picture arrive as they are, with the handler's JSON as the body.
- 503 is said for a full queue and for no worker (``ServiceUnavailableException``), and also for an exception in the
  handler (``InternalServerException``). 507 is a worker out of memory. A body over its limit is a 413 without a body.
- A request to a worker that keeps crashing at its start gets no answer at all; hence ``ready`` and the read timeout.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from gateway.backends import torchserve_answers as answers
from gateway.backends.base import Model, ModelVersion, Prediction, Readiness, Served
from gateway.backends.errors import (
    BackendError,
    BackendFault,
    BackendNoSuchVersion,
    BackendNotReady,
    BackendOverloaded,
    BackendRejected,
    Rejection,
)
from gateway.backends.sender import PictureSender, Reply
from gateway.backends.transport import StaleRetryTransport, fault_from_httpx
from gateway.intake.parameters import Parameters
from gateway.request_id import HEADER as REQUEST_ID_HEADER
from gateway.settings import Settings

#: A readiness check that takes longer than this is a 'no': who asks wants to know now.
READY_TIMEOUT_S = 1.0
#: The model describes itself in its worker, so behind the pictures that wait; /models does without rather than wait.
DETAILS_TIMEOUT_S = 1.0
MANAGEMENT_CONNECTIONS = 8
HEADERS: Mapping[str, str] = {"Accept": "application/json", "Accept-Encoding": "identity"}

#: The error types of our own handler; their messages are written for clients.
HANDLER_ERRORS: Mapping[str, Rejection] = {
    "InvalidImage": "invalid_image",
    "MissingImage": "invalid_image",
    "UnsupportedImage": "unsupported_image",
    "ImageTooLarge": "image_too_large",
    "InvalidParameter": "invalid_parameter",
}
LONGEST_MESSAGE = 500


class TorchServeBackend:
    """An :class:`~gateway.backends.base.InferenceBackend` that speaks TorchServe's REST API."""

    name = "torchserve"

    def __init__(self, settings: Settings) -> None:
        self._model = settings.model_name
        self._predict_url = f"{settings.torchserve_inference_url}/models/{self._model}/invoke"
        self._version_url = f"{settings.torchserve_inference_url}/{self._model}/{{version}}/predict"
        self._describe_url = f"{settings.torchserve_management_url}/models/{self._model}"
        self._details: dict[tuple[str, tuple[str, ...]], Mapping[str, Any]] = {}
        self._pictures = PictureSender(settings, HEADERS)
        # Apart from predictions, so that readiness can be asked while every prediction connection is taken.
        self._client = httpx.AsyncClient(
            transport=StaleRetryTransport(MANAGEMENT_CONNECTIONS),
            timeout=httpx.Timeout(
                connect=settings.connect_timeout_s,
                read=settings.read_timeout_s,
                write=settings.write_timeout_s,
                pool=settings.pool_timeout_s,
            ),
            headers=HEADERS,
            trust_env=False,  # a proxy for the internet is none for the machine next door
        )

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        """Send the picture's bytes as they are, with the parameters that were given as the query."""
        url = self._predict_url if version is None else self._version_url.format(version=quote(version, safe=""))
        # Any content type but a form's makes TorchServe hand the body over untouched.
        headers = {"Content-Type": "application/octet-stream", REQUEST_ID_HEADER: request_id}
        if query := parameters.as_query():
            url = f"{url}?{urlencode(query)}"
        response = await self._pictures.post(url, image, headers)
        if response.status_code != httpx.codes.OK:
            if version is not None and response.status_code == httpx.codes.NOT_FOUND:
                raise BackendNoSuchVersion(version)
            raise self._fault(response)
        return answers.read_prediction(response.content, self._model)

    async def ready(self) -> Readiness:
        """Look for a worker in state READY; TorchServe's ``/ping`` says Healthy while the model still loads."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                versions = await self._describe("")
        except TimeoutError:
            return Readiness(False, "the model server does not answer in time")
        except BackendNotReady as fault:
            return Readiness(False, fault.reason)
        except BackendFault:
            return Readiness(False, "the model server cannot be reached")
        version = versions[0]
        workers = len(version.workers)
        if not any(worker.state == "READY" for worker in version.workers):
            return Readiness(False, f"none of its {workers} workers is ready", version.version)
        return Readiness(True, None, version.version)

    async def ready_versions(self) -> frozenset[str]:
        """Return the versions with a worker in state READY; more than the interface asks for, see Availability."""
        loaded = await self._describe("/all")
        return frozenset(
            version.version for version in loaded if any(worker.state == "READY" for worker in version.workers)
        )

    async def served(self, version: str | None = None) -> Served | None:
        """Tell a version loaded anew by its workers: whatever loads an archive starts them all."""
        (described, *_) = await self._describe("" if version is None else f"/{quote(version, safe='')}")
        return answers.served(described)

    async def models(self) -> Sequence[Model]:
        """Describe every loaded version, with what the handler tells of itself where it answers soon."""
        loaded, default = await asyncio.gather(self._describe("/all"), self._describe(""))
        return [
            Model(
                self._model,
                [
                    answers.with_default_and_details(
                        version, version.version == default[0].version, await self._details_of(version)
                    )
                    for version in loaded
                ],
            )
        ]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pictures.aclose()
        await self._client.aclose()

    async def _describe(self, suffix: str, query: Mapping[str, str] | None = None) -> Sequence[ModelVersion]:
        url = f"{self._describe_url}{suffix}"
        try:
            response = await self._client.get(url, params=query or None)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as error:
            raise fault_from_httpx(error) from error
        if response.status_code != httpx.codes.OK:
            raise self._fault(response)
        return answers.read_versions(response.content)

    async def _details_of(self, version: ModelVersion) -> Mapping[str, Any]:
        """Let the handler describe itself, once per version and set of workers: until they change it says the same."""
        ready = tuple(worker.id for worker in version.workers if worker.state == "READY")
        key = (version.version, ready)
        if ready and key not in self._details:
            try:
                async with asyncio.timeout(DETAILS_TIMEOUT_S):
                    described = await self._describe(f"/{version.version}", {"customized": "true"})
            except (TimeoutError, BackendFault):
                return {}
            # Only what is loaded now is kept, so the memory of former versions does not grow.
            self._details = {kept: value for kept, value in self._details.items() if kept[0] != version.version}
            self._details[key] = described[0].details
        return self._details.get(key, {})

    def _fault(self, response: httpx.Response | Reply) -> BackendFault:
        """Say what an answer other than 200 means. Its text goes to the log at most, unless our handler wrote it."""
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        kind, message = (body.get("type"), body.get("message")) if isinstance(body, dict) else (None, None)
        status = response.status_code
        detail = f"TorchServe answered {status} {kind}"
        if 400 <= status < 500 and isinstance(kind, str) and kind in HANDLER_ERRORS:
            # A message of one plain line is ours; anything else is left to the gateway's own words.
            if not isinstance(message, str) or not message.isprintable() or len(message) > LONGEST_MESSAGE:
                message = ""
            return BackendRejected(HANDLER_ERRORS[kind], message)
        if status == httpx.codes.NOT_FOUND:
            return BackendNotReady(f"no model '{self._model}' is loaded")
        if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return BackendRejected("body_too_large", "")
        if status in (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.INSUFFICIENT_STORAGE):
            return BackendError(detail) if kind == "InternalServerException" else BackendOverloaded(detail)
        return BackendError(detail)
