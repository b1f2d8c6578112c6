"""Several model servers behind one backend; routing.json says which is asked. For blue/green."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.backends import create_backend
from gateway.backends.base import InferenceBackend, Model, Prediction, Readiness, Served
from gateway.intake.parameters import Parameters
from gateway.routing.availability import TellsReadyVersions
from gateway.routing.file import RoutingSource
from gateway.routing.server_list import parse_servers
from gateway.settings import Settings


class SwitchedBackend:
    """An :class:`~gateway.backends.base.InferenceBackend` that asks the server in force at each call's start.

    A call stays with the server that it began with, so what is in flight when the server changes is finished there.
    """

    def __init__(
        self, default: InferenceBackend, others: Mapping[str, InferenceBackend], source: RoutingSource
    ) -> None:
        self._default = default
        self._others = others
        self._source = source

    @property
    def name(self) -> str:
        """The kind of the server in force."""
        return self._chosen().name

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        """Ask the server in force."""
        return await self._chosen().predict(image, parameters, request_id, version)

    async def ready(self) -> Readiness:
        """Ask the server in force: readiness follows the switch."""
        return await self._chosen().ready()

    async def ready_versions(self) -> frozenset[str] | None:
        """Ask the server in force."""
        chosen = self._chosen()
        return await chosen.ready_versions() if isinstance(chosen, TellsReadyVersions) else None

    async def served(self, version: str | None = None) -> Served | None:
        """Ask the server in force; the same version of another server is other content."""
        server = self._source.current().server
        found = await self._chosen().served(version)
        return found and replace(found, epoch=f"{server or ''} {found.epoch}")

    async def models(self) -> Sequence[Model]:
        """Describe what the server in force has loaded."""
        return await self._chosen().models()

    async def aclose(self) -> None:
        """Close the connections to all of them."""
        await asyncio.gather(*(backend.aclose() for backend in (self._default, *self._others.values())))

    def _chosen(self) -> InferenceBackend:
        server = self._source.current().server
        # A name that is not known never comes into force.
        return self._default if server is None else self._others[server]


def with_servers(default: InferenceBackend, settings: Settings, source: RoutingSource) -> InferenceBackend:
    """Put ``TORCHSERVE_SERVERS`` beside the default backend; without any it is returned as it is."""
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
    return SwitchedBackend(default, others, source) if others else default
