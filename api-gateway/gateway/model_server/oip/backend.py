"""Any server of the Open Inference Protocol as a backend: Triton, OpenVINO Model Server, KServe, MLServer, or this.

Read in the protocol's text and checked against MLServer 1.7.1, KServe's ModelServer 0.21.0 and this gateway. The model
must take one encoded picture as BYTES; which outputs are read, :mod:`gateway.model_server.oip.results` says.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from gateway import strict_json
from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction
from gateway.http.headers import HEAD_LENGTH_HEADER, REQUEST_ID_HEADER
from gateway.model_server.base import Model, ModelVersion, Readiness, Served, Worker
from gateway.model_server.client import HttpClient, Reply
from gateway.model_server.errors import (
    BackendError,
    BackendFault,
    BackendNoSuchVersion,
    BackendNotReady,
    BackendRejected,
)
from gateway.model_server.oip.faults import REFUSED, fault
from gateway.model_server.oip.plan import Plan, make_plan
from gateway.model_server.oip.results import read_response
from gateway.model_server.oip.token_file import TokenFile
from gateway.model_server.readiness import ready_in_time
from gateway.oip.messages import head_length
from gateway.oip.tensors import TensorError
from gateway.settings import Settings

logger = logging.getLogger("gateway.backends")

#: Kept apart from predictions, so that readiness can be asked while every prediction connection is taken.
CONTROL_CONNECTIONS = 8
HEADERS: Mapping[str, str] = {"Accept-Encoding": "identity"}
#: How GET /models names the version of a model that has none.
UNVERSIONED = "unversioned"


class OipBackend:
    """An :class:`~gateway.model_server.base.InferenceBackend` that speaks the protocol's HTTP side."""

    name = "oip"

    def __init__(self, settings: Settings) -> None:
        self._model = settings.model_name
        self._model_path = f"/v2/models/{quote(self._model, safe='')}"
        self._encoding = settings.oip_encoding
        self._class_names = [name.strip() for name in settings.oip_class_names.split(",") if name.strip()]
        self._token = TokenFile(settings.oip_token_file) if settings.oip_token_file else None
        self._plan: Plan | None = None
        #: The version that last answered a request that named none; only the server knows which one that is.
        self._default: str | None = None
        self._client = HttpClient(settings, settings.oip_url, settings.max_connections, HEADERS, is_traced=True)
        self._control = HttpClient(settings, settings.oip_url, CONTROL_CONNECTIONS, HEADERS)

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        """Send the picture as one BYTES tensor, with the parameters that were given as the protocol's."""
        plan = await self._planned()
        body, length = plan.request(image, parameters, request_id)
        headers = {"Content-Type": "application/json", REQUEST_ID_HEADER: request_id}
        if length is not None:
            headers.update({"Content-Type": "application/octet-stream", HEAD_LENGTH_HEADER: str(length)})
        reply = await self._send(self._client, "POST", f"{self._path(version)}/infer", body, headers)
        if reply.status != HTTPStatus.OK:
            raise await self._fault(reply, version)
        try:
            found = read_response(reply.content, _head_length(reply), self._model, parameters, self._class_names)
        except BackendError:
            self._plan = None
            raise
        if version is None:
            self._default = found.model_version
        return found

    async def ready(self) -> Readiness:
        """Ask the model's own readiness; the server's would be that of all its models."""
        readiness = await ready_in_time(self._ready())
        if readiness.ready:
            return readiness
        self._plan = None
        return replace(readiness, version=self._default)

    async def served(self, version: str | None = None) -> Served | None:
        """Return None: the protocol does not say when a model was loaded again under its old name."""
        return None

    async def models(self) -> Sequence[Model]:
        """Describe the model's versions. The protocol knows no workers: each version counts as one."""
        self._plan = None
        plan = await self._planned()
        versions = plan.versions or [UNVERSIONED]
        ready = await asyncio.gather(*(self._is_ready(version if plan.versions else None) for version in versions))
        return [
            Model(
                self._model,
                [
                    ModelVersion(
                        version=version,
                        default=len(versions) == 1 or version == self._default,
                        workers=[Worker(id="server", state="READY" if usable else "UNAVAILABLE")],
                        details=plan.details or {},
                    )
                    for version, usable in zip(versions, ready, strict=True)
                ],
            )
        ]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        await self._control.aclose()

    async def _ready(self) -> Readiness:
        try:
            if not await self._is_ready(None):
                return Readiness(False, "the model server says that the model is not ready")
            plan = await self._planned()
        except BackendError as error:
            logger.warning("the model cannot be used", extra={"detail": str(error)})
            return Readiness(False, "the model server describes no model that takes pictures as BYTES")
        return Readiness(True, None, self._default or (plan.versions[-1] if len(plan.versions) == 1 else None))

    def _path(self, version: str | None) -> str:
        return self._model_path if version is None else f"{self._model_path}/versions/{quote(version, safe='')}"

    async def _planned(self) -> Plan:
        """Return the plan made from the descriptions of server and model; asked once, and again after any failure."""
        if self._plan is None:
            server, model = await asyncio.gather(
                self._send(self._control, "GET", "/v2"), self._send(self._control, "GET", self._model_path)
            )
            if model.status != HTTPStatus.OK:
                raise fault(model, self._model, None)
            self._plan = make_plan(
                _json(server) if server.status == HTTPStatus.OK else None, _json(model), self._encoding
            )
        return self._plan

    async def _is_ready(self, version: str | None) -> bool:
        reply = await self._send(self._control, "GET", f"{self._path(version)}/ready")
        if reply.status == HTTPStatus.NOT_FOUND and version is None:
            raise BackendNotReady(f"no model '{self._model}' is loaded")
        if reply.status != HTTPStatus.OK:
            return False
        try:
            body = json.loads(reply.content)
        except (ValueError, RecursionError):
            return True  # most say it by the status alone
        return not isinstance(body, dict) or body.get("ready") is not False

    async def _fault(self, reply: Reply, version: str | None) -> BackendFault:
        found = fault(reply, self._model, version)
        if not isinstance(found, BackendRejected) or found.message != REFUSED:
            return found
        self._plan = None  # perhaps the model was exchanged for one with other tensors
        if version is not None:
            # Some servers say 400 of a version that is not loaded too: ask which of the two it meant.
            try:
                if not await self._is_ready(version):
                    return BackendNoSuchVersion(version)
            except BackendFault as silent:
                return silent
        return found

    async def _send(
        self, client: HttpClient, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        if self._token is not None:
            headers = {**(headers or {}), "Authorization": f"Bearer {self._token.read()}"}
        return await client.request(method, path, content, headers)


def _head_length(reply: Reply) -> int | None:
    try:
        return head_length(reply.header(HEAD_LENGTH_HEADER))
    except TensorError as error:
        raise BackendError(f"the server's answer cannot be read: {error}") from error


def _json(reply: Reply) -> Any:
    try:
        return strict_json.loads(reply.content)
    except strict_json.JsonError as error:
        raise BackendError("the server's answer is not JSON") from error
