"""Several TorchServes as one backend: each request goes to one of them, questions go to all.

See :mod:`gateway.model_server.torchserve.balancing` for who gets a request, ``docs/scaling.md`` for the whole.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from gateway.concurrency.time_limit import within
from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction
from gateway.model_server.base import InferenceBackend, InstanceState, Model, ModelVersion, Readiness, Served
from gateway.model_server.errors import (
    BackendFault,
    BackendNoSuchVersion,
    BackendOverloaded,
    BackendTimeout,
    BackendUnavailable,
    BackendUnloaded,
)
from gateway.model_server.torchserve import balancing, combining
from gateway.model_server.torchserve.backend import TorchServeBackend
from gateway.model_server.torchserve.discovery import URGENT_S, Discovery
from gateway.model_server.torchserve.instances import Instance, read_endpoints
from gateway.model_server.torchserve.membership import Member, Membership
from gateway.settings import Settings

logger = logging.getLogger("gateway.backends")

#: Seconds that a TorchServe may take to describe itself where others do so too.
DESCRIBE_S = 2.0
#: A full queue is no reason to send a picture all around.
MOST_TRIES_OVERLOADED = 2

T = TypeVar("T")


class BalancedBackend:
    """An :class:`~gateway.model_server.base.InferenceBackend` in front of the TorchServes that ``discovery`` finds.

    ``make`` makes the backend of one, ``limit_s`` is the time limit of a request. ``clock`` gives monotonic seconds.
    """

    name = TorchServeBackend.name

    def __init__(
        self,
        discovery: Discovery,
        make: Callable[[Instance], TorchServeBackend],
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._membership = Membership(discovery, make, clock)
        self._limit_s = limit_s
        self._clock = clock
        self._turn = 0

    # -- predictions --------------------------------------------------------------------------------------------

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        """Ask the TorchServe with the fewest outstanding requests; where it is lost, another one in the time left.

        Inference has no side effects, so a picture may be sent again whatever the lost server had begun. If all that
        were tried fail, the first one's fault is raised.
        """
        started = self._clock()
        member = balancing.choose(await self._membership.known())
        if member is None:
            raise BackendUnavailable("the name of TorchServe has no address")
        try:
            return await self._ask(member, image, parameters, request_id, version)
        except (BackendUnavailable, BackendNoSuchVersion) as fault:
            if isinstance(fault, BackendUnloaded):
                raise
            first = fault
        tried, last = {member}, first
        while (another := await self._another(tried, last)) is not None:
            left_s = self._limit_s - (self._clock() - started)
            if left_s <= 0:
                break
            facts = {"instance": another.name, "cause": str(last), "left_s": round(left_s, 3)}
            logger.info("a TorchServe did not answer, trying another one", extra=facts)
            tried.add(another)
            try:
                return await within(left_s, self._ask(another, image, parameters, request_id, version))
            except TimeoutError:
                raise BackendTimeout(f"no answer within {self._limit_s:g} s from {len(tried)} TorchServes") from first
            except BackendUnloaded:
                raise
            except (BackendUnavailable, BackendNoSuchVersion) as fault:
                last = fault
        raise first

    async def _another(self, tried: set[Member], fault: BackendFault) -> Member | None:
        if isinstance(fault, BackendOverloaded) and len(tried) >= MOST_TRIES_OVERLOADED:
            return None
        found = balancing.choose(self._membership.members, tried)
        if found is None and not isinstance(fault, BackendOverloaded | BackendNoSuchVersion):
            await self._membership.find(URGENT_S)  # a server that was recreated has another address
            found = balancing.choose(self._membership.members, tried)
        return found

    async def _ask(
        self, member: Member, image: bytes, parameters: Parameters, request_id: str, version: str | None
    ) -> Prediction:
        self._turn += 1
        member.begins(self._turn)
        try:
            answer = await member.backend.predict(image, parameters, request_id, version)
        except BackendFault as fault:
            was_in = member.in_rotation
            member.answered(fault)
            if was_in and not member.in_rotation:
                logger.warning("a TorchServe is out", extra={"instance": member.name, "cause": str(fault)})
            raise
        else:
            member.answered(None)
            return answer
        finally:
            member.ends()

    # -- health -------------------------------------------------------------------------------------------------

    async def ready(self) -> Readiness:
        """Look the names up, and check every TorchServe; one that is ready is enough."""
        found = await self._membership.check()
        return combining.readiness(found) if found else Readiness(False, "the model server cannot be reached")

    def instances(self) -> Sequence[InstanceState]:
        """Describe each as it is known to this gateway."""
        return [member.state() for member in self._membership.members]

    # -- questions ----------------------------------------------------------------------------------------------

    async def ready_versions(self) -> frozenset[str]:
        """Return the versions that one of them can run: a request for one goes on to a TorchServe that has it."""
        return frozenset().union(*(await self._each(TorchServeBackend.ready_versions)).values())

    async def wake(self, version: str | None) -> None:
        """Have all of them load it, and wait until the last one has: each gets requests."""
        await self._each(lambda one: one.wake(version), None)

    async def wake_if_unloaded(self, version: str | None) -> None:
        """Have those load it that have unloaded it."""
        await self._each(lambda one: one.wake_if_unloaded(version), None)

    async def model_names(self) -> frozenset[str]:
        """Return the names of all models that one of them has."""
        return frozenset().union(*(await self._each(TorchServeBackend.model_names)).values())

    async def workers(self) -> Sequence[ModelVersion]:
        """Describe the versions and workers of all."""
        return combining.versions(await self._each(TorchServeBackend.workers))

    async def served(self, version: str | None = None) -> Served | None:
        """Return the content that all of them answer with, None while they differ."""
        return combining.served(list((await self._each(lambda one: one.served(version))).values()))

    async def models(self) -> Sequence[Model]:
        """Describe what they have loaded, and each of them if there are several."""
        found = await self._each(TorchServeBackend.models)
        if len(self._membership.members) == 1:
            return next(iter(found.values()))
        return combining.models(found, self.instances())

    async def _each(
        self, ask: Callable[[TorchServeBackend], Awaitable[T]], limit_s: float | None = DESCRIBE_S
    ) -> Mapping[str, T]:
        """Return the answers by instance of those that can be asked; raises a fault if there is none."""
        members = await self._membership.known()
        asked = [member for member in members if member.usable] or members
        answers: dict[str, T] = {}
        fault: BackendFault = BackendUnavailable("the name of TorchServe has no address")

        async def one(member: Member) -> None:
            nonlocal fault
            try:
                question = ask(member.backend)
                answers[member.name] = await (question if limit_s is None else within(limit_s, question))
            except TimeoutError:
                fault = BackendTimeout(f"{member.name} does not describe itself in time")
            except BackendFault as error:
                fault = error

        await asyncio.gather(*map(one, asked))
        if not answers:
            raise fault
        return {member.name: answers[member.name] for member in asked if member.name in answers}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._membership.aclose()


def create_torchserve(settings: Settings) -> InferenceBackend:
    """Make the backend of the TorchServes that the settings name; one whose URLs are addresses needs no balancing."""
    endpoints = read_endpoints(settings.torchserve_inference_url, settings.torchserve_management_url)
    if len(endpoints) == 1 and endpoints[0].host is None:
        return TorchServeBackend(settings)
    return BalancedBackend(
        Discovery(endpoints), lambda instance: TorchServeBackend(settings, instance), settings.read_timeout_s
    )
