"""Several model servers behind one backend; routing.json says which is asked. For blue/green.

If the server that the file names is gone, or not yet ready after a restart, the default server answers instead
(failover), so a switch never leaves the service without an answer.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction
from gateway.model_server.base import (
    InferenceBackend,
    InstanceState,
    Model,
    ModelVersion,
    Readiness,
    Served,
    TellsInstances,
    TellsModelNames,
    TellsWorkers,
)
from gateway.model_server.errors import BackendFault, BackendOverloaded, BackendUnavailable, BackendUnloaded
from gateway.model_server.registry import create_backend
from gateway.model_server.waking import WakesModels
from gateway.routing.availability import TellsReadyVersions
from gateway.routing.file import RoutingSource
from gateway.settings import Settings
from gateway.settings.server_list import parse_servers

logger = logging.getLogger("gateway.routing")


class SwitchedBackend:
    """An :class:`~gateway.model_server.base.InferenceBackend` that asks the server in force at each call's start.

    A call stays with the server that it began with, so what is in flight when the server changes is finished there;
    only when that server goes away under it, the default one is asked instead. ``on_fallback`` is called with the
    server's name for each picture that the default one answered in its place.
    """

    def __init__(
        self,
        default: InferenceBackend,
        others: Mapping[str, InferenceBackend],
        source: RoutingSource,
        on_fallback: Callable[[str], None] = lambda server: None,
    ) -> None:
        self._default = default
        self._others = others
        self._source = source
        self._on_fallback = on_fallback
        #: The server in force, while it is known not to answer; readiness, asked every second, knows when it does.
        self._absent: str | None = None
        self._turn = 0

    @property
    def name(self) -> str:
        """The kind of the server in force."""
        return self._backend_of(self._asked()).name

    @property
    def turn(self) -> int:
        """How often the default one began or ceased to stand in for the server in force."""
        return self._turn

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        """Ask the server in force; the default one where that is not there."""
        server = self._source.current().server
        if server is not None and server != self._absent:
            try:
                return await self._others[server].predict(image, parameters, request_id, version)
            except (BackendOverloaded, BackendUnloaded):  # it is there, and the default one is no relief for it
                raise
            except BackendUnavailable as fault:
                self._missed(server, str(fault))
        if server is not None:
            self._on_fallback(server)
        return await self._default.predict(image, parameters, request_id, version)

    async def ready(self) -> Readiness:
        """Ask the server in force: readiness follows the switch. Where it is not ready, the default one may be."""
        server = self._source.current().server
        if server is None:
            return await self._default.ready()
        try:
            readiness = await self._others[server].ready()
        except BackendFault as fault:
            readiness = Readiness(False, str(fault))
        if readiness.ready:
            if self._absent == server:
                logger.info("the server in force answers again", extra={"server": server})
            self._note_absent(None)
            return readiness
        instead = await self._default.ready()
        if not instead.ready:
            return readiness
        self._missed(server, readiness.reason or "no reason was given")
        return instead

    async def ready_versions(self) -> frozenset[str] | None:
        """Ask the server in force."""
        chosen = self._backend_of(self._asked())
        return await chosen.ready_versions() if isinstance(chosen, TellsReadyVersions) else None

    async def wake(self, version: str | None) -> None:
        """Have the server in force load it."""
        chosen = self._backend_of(self._asked())
        if isinstance(chosen, WakesModels):
            await chosen.wake(version)

    async def wake_if_unloaded(self, version: str | None) -> None:
        """Have the server in force load it if it has unloaded it."""
        chosen = self._backend_of(self._asked())
        if isinstance(chosen, WakesModels):
            await chosen.wake_if_unloaded(version)

    async def model_names(self) -> frozenset[str] | None:
        """Ask the server in force."""
        chosen = self._backend_of(self._asked())
        return await chosen.model_names() if isinstance(chosen, TellsModelNames) else None

    async def workers(self) -> Sequence[ModelVersion]:
        """Ask the server in force; none are known of a server that does not tell."""
        chosen = self._backend_of(self._asked())
        return await chosen.workers() if isinstance(chosen, TellsWorkers) else ()

    def instances(self) -> Sequence[InstanceState]:
        """Describe the instances of the server in force; none of one that is a single server."""
        chosen = self._backend_of(self._asked())
        return chosen.instances() if isinstance(chosen, TellsInstances) else ()

    async def served(self, version: str | None = None) -> Served | None:
        """Ask the server in force; the same version of another server is other content."""
        server = self._asked()
        found = await self._backend_of(server).served(version)
        return found and replace(found, epoch=f"{server or ''} {found.epoch}")

    async def models(self) -> Sequence[Model]:
        """Describe what the server in force has loaded."""
        return await self._backend_of(self._asked()).models()

    async def aclose(self) -> None:
        """Close the connections to all of them."""
        await asyncio.gather(*(backend.aclose() for backend in (self._default, *self._others.values())))

    def _missed(self, server: str, reason: str) -> None:
        if self._absent != server:
            facts = {"server": server, "reason": reason}
            logger.warning("the server in force is not there; the default one answers instead", extra=facts)
        self._note_absent(server)

    def _note_absent(self, server: str | None) -> None:
        if self._absent != server:
            self._absent = server
            self._turn += 1

    def _asked(self) -> str | None:
        server = self._source.current().server
        return None if server == self._absent else server

    def _backend_of(self, server: str | None) -> InferenceBackend:
        # A name that is not known never comes into force.
        return self._default if server is None else self._others[server]


def add_servers(
    default: InferenceBackend,
    settings: Settings,
    source: RoutingSource,
    on_fallback: Callable[[str], None] = lambda server: None,
) -> InferenceBackend:
    """Add ``TORCHSERVE_SERVERS`` to the default backend; without any, return the default backend itself."""
    others = {
        name: create_backend(
            settings.model_copy(
                update={
                    "torchserve_inference_url": server.inference_url,
                    "torchserve_management_url": server.management_url,
                }
            )
        )
        for name, server in parse_servers(settings.torchserve_servers).items()
    }
    return SwitchedBackend(default, others, source, on_fallback) if others else default


def answering_server(backend: InferenceBackend, source: RoutingSource) -> Callable[[], object]:
    """Return a function whose value changes whenever another server may have answered in between."""
    if not isinstance(backend, SwitchedBackend):
        return lambda: source.current().revision
    return lambda: (source.current().revision, backend.turn)
