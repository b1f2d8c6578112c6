"""TorchServe as a backend: the only module that knows its addresses and what its statuses mean.

Its JSON is read in :mod:`gateway.model_server.torchserve.answers`.

Read in TorchServe 0.12.0 and checked against it:

- ``POST /predictions/MODEL`` drops the query string; ``POST /models/MODEL/invoke`` hands it to the handler, and so
  does ``POST /MODEL/VERSION/predict`` for one version.
- Statuses that a handler sets per picture arrive as they are, with the handler's JSON as the body.
- A worker that dies fails the requests that it had with "Worker died.": a 507 if it was killed (SIGKILL, as by the
  kernel when memory is short), otherwise a 500. For models without workers see
  :mod:`gateway.model_server.torchserve.workers`.
- 503 is said for a full queue and for no worker (``ServiceUnavailableException``), and also for an exception in the
  handler (``InternalServerException``). 507 is a worker out of memory. A body over its limit is a 413 without a body.
- A request to a worker that keeps crashing at its start gets no answer at all; hence ``ready`` and the read timeout.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from gateway.concurrency.bounded import run_bounded
from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction
from gateway.http.headers import REQUEST_ID_HEADER
from gateway.model_server.base import Model, ModelVersion, Readiness, Served
from gateway.model_server.client import HttpClient, Reply
from gateway.model_server.errors import (
    BackendError,
    BackendFault,
    BackendNoSuchVersion,
    BackendNotReady,
    BackendOverloaded,
    BackendRejected,
    BackendUnloaded,
    Rejection,
    client_message,
)
from gateway.model_server.readiness import ready_in_time
from gateway.model_server.torchserve import answers
from gateway.model_server.torchserve.instances import Instance
from gateway.model_server.torchserve.workers import Workers, lost_worker
from gateway.settings import Settings

logger = logging.getLogger("gateway.backends")

#: The model describes itself in its worker, so behind the pictures that wait; /models does without rather than wait.
DETAILS_TIMEOUT_S = 1.0
#: Versions asked at a time: some of the connections are left to readiness and routing.
DETAILS_AT_ONCE = 4
MANAGEMENT_CONNECTIONS = 8
#: Names of models that TorchServe lists in one answer, and the most answers.
PAGE, MOST_PAGES = 100, 100
HEADERS: Mapping[str, str] = {"Accept": "application/json", "Accept-Encoding": "identity"}

#: The error types of our own handler; their messages are written for clients.
HANDLER_ERRORS: Mapping[str, Rejection] = {
    "InvalidImage": "invalid_image",
    "MissingImage": "invalid_image",
    "UnsupportedImage": "unsupported_image",
    "ImageTooLarge": "image_too_large",
    "InvalidParameter": "invalid_parameter",
}
#: A version and its workers.
_Loading = tuple[str, tuple[tuple[str, str | None, str], ...]]


class TorchServeBackend:
    """An :class:`~gateway.model_server.base.InferenceBackend` that speaks TorchServe's REST API.

    ``instance`` replaces the URLs of the settings.
    """

    name = "torchserve"

    def __init__(self, settings: Settings, instance: Instance | None = None) -> None:
        one = instance or Instance(settings.torchserve_inference_url, settings.torchserve_management_url)
        self._model = settings.model_name
        self._read_timeout_s = settings.read_timeout_s
        #: Each version's description of itself, by :func:`_loading`.
        self._details: dict[_Loading, Mapping[str, Any]] = {}
        self._inference = HttpClient(
            settings, one.inference_url, settings.max_connections, HEADERS, is_traced=True, address=one.address
        )
        # Apart from predictions, so that readiness can be asked while every prediction connection is taken.
        self._management = HttpClient(
            settings, one.management_url, MANAGEMENT_CONNECTIONS, HEADERS, address=one.address
        )
        self._workers = Workers(self._model, self._management, self._describe_version, settings.read_timeout_s)

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        """Send the picture's bytes as they are, with the parameters that were given as the query."""
        named = f"/{self._model}/{quote(version, safe='')}/predict" if version is not None else None
        path = (named or f"/models/{self._model}/invoke") + _query(parameters.as_query())
        # Any content type but a form's makes TorchServe hand the body over untouched.
        headers = {"Content-Type": "application/octet-stream", REQUEST_ID_HEADER: request_id}
        started = time.monotonic()
        reply = await self._inference.request("POST", path, image, headers)
        left_s = self._read_timeout_s - (time.monotonic() - started)
        if lost_worker(reply) and left_s > 0 and not await self._workers.are_unloaded(version, reply):
            # Inference has no side effects. Once only: this image may be what the worker died of.
            logger.warning("a worker died, trying once more on another one", extra={"left_s": round(left_s, 3)})
            reply = await self._inference.request("POST", path, image, headers, read_timeout_s=left_s)
        if reply.status != HTTPStatus.OK:
            if version is not None and reply.status == HTTPStatus.NOT_FOUND:
                raise BackendNoSuchVersion(version)
            if await self._workers.are_unloaded(version, reply):
                raise BackendUnloaded
            raise self._fault(reply)
        return answers.read_prediction(reply.content, self._model)

    async def ready(self) -> Readiness:
        """Look for a worker in state READY; TorchServe's ``/ping`` says Healthy while the model still loads."""
        return await ready_in_time(self._ready())

    async def ready_versions(self) -> frozenset[str]:
        """Return the versions with a worker in state READY, or that get one; see Availability."""
        return frozenset(one.version for one in await self._describe("/all") if self._workers.available(one))

    async def wake(self, version: str | None) -> None:
        """Start a worker of a version without any, and wait for it."""
        await self._workers.wake(version)

    async def wake_if_unloaded(self, version: str | None) -> None:
        """Do so only if it has none on purpose."""
        await self._workers.wake_if_unloaded(version)

    async def model_names(self) -> frozenset[str]:
        """Return the names of all models that are loaded, whatever their workers do."""
        names: set[str] = set()
        token: str | None = None
        for _ in range(MOST_PAGES):
            page = {"limit": str(PAGE), **({"next_page_token": token} if token else {})}
            reply = await self._management.request("GET", f"/models{_query(page)}")
            if reply.status != HTTPStatus.OK:
                raise self._fault(reply)
            found, token = answers.read_names(reply.content)
            names.update(found)
            if not token:
                break
        return frozenset(names)

    async def served(self, version: str | None = None) -> Served | None:
        """Derive the epoch from the workers: loading an archive starts all of them."""
        (described, *_) = await self._describe_version(version)
        if version is not None and described.version != version:
            return None  # "all" is no version's name to TorchServe here: it describes every one
        return answers.served(described)

    async def models(self) -> Sequence[Model]:
        """Describe every loaded version, with the handler's own description if it answers soon."""
        loaded, default = await asyncio.gather(self._describe("/all"), self._describe(""))
        # Only of what is loaded now, so that the memory of former versions does not grow.
        loadings = {_loading(version) for version in loaded}
        self._details = {loading: told for loading, told in self._details.items() if loading in loadings}
        details: dict[str, Mapping[str, Any]] = {}

        async def look(version: ModelVersion) -> None:
            details[version.version] = await self._details_of(version)

        await run_bounded(look, loaded, min(DETAILS_AT_ONCE, len(loaded)))
        versions = [
            answers.with_default_and_details(one, one.version == default[0].version, details[one.version])
            for one in loaded
        ]
        return [Model(self._model, versions)]

    async def workers(self) -> Sequence[ModelVersion]:
        """Describe every loaded version as TorchServe itself knows it."""
        return await self._describe("/all")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._workers.aclose()
        await self._inference.aclose()
        await self._management.aclose()

    async def _ready(self) -> Readiness:
        (version, *_) = await self._describe("")
        if not self._workers.available(version):
            return Readiness(False, f"none of its {len(version.workers)} workers is ready", version.version)
        workers = sum(worker.state == "READY" for worker in version.workers)
        return Readiness(True, None, version.version, workers, version.batch_size or 1)

    async def _describe_version(self, version: str | None) -> Sequence[ModelVersion]:
        return await self._describe("" if version is None else f"/{quote(version, safe='')}")

    async def _describe(self, suffix: str, query: Mapping[str, str] | None = None) -> Sequence[ModelVersion]:
        reply = await self._management.request("GET", f"/models/{self._model}{suffix}{_query(query or {})}")
        if reply.status != HTTPStatus.OK:
            raise self._fault(reply)
        return answers.read_versions(reply.content)

    async def _details_of(self, version: ModelVersion) -> Mapping[str, Any]:
        """Let the handler describe itself, once per version and set of workers: until they change it says the same."""
        key = _loading(version)
        if key not in self._details and version.ready:
            try:
                async with asyncio.timeout(DETAILS_TIMEOUT_S):
                    described = await self._describe(f"/{version.version}", {"customized": "true"})
            except (TimeoutError, BackendFault):
                return {}
            self._details[key] = described[0].details
        return self._details.get(key, {})

    def _fault(self, reply: Reply) -> BackendFault:
        """Say what an answer other than 200 means. Its text goes to the log at most, unless our handler wrote it."""
        try:
            body = json.loads(reply.content)
        except ValueError:
            body = None
        kind, message = (body.get("type"), body.get("message")) if isinstance(body, dict) else (None, None)
        status = reply.status
        detail = f"TorchServe answered {status} {kind}"
        if 400 <= status < 500 and isinstance(kind, str) and kind in HANDLER_ERRORS:
            return BackendRejected(HANDLER_ERRORS[kind], client_message(message))
        if status == HTTPStatus.NOT_FOUND:
            return BackendNotReady(f"no model '{self._model}' is loaded")
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return BackendRejected("body_too_large", "")
        if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE):
            return BackendError(detail) if kind == "InternalServerException" else BackendOverloaded(detail)
        return BackendError(detail)


def _query(parameters: Mapping[str, str]) -> str:
    return f"?{urlencode(parameters)}" if parameters else ""


def _loading(version: ModelVersion) -> _Loading:
    return version.version, tuple((worker.id, worker.started, worker.state) for worker in version.workers)
