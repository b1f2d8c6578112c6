"""The TorchServes that share the requests for a model: those that the DNS has now, and how they are.

There is no task of its own in the background: readiness, which the gateway asks every second, also looks the names up
and checks every TorchServe.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from gateway.model_server.base import Readiness
from gateway.model_server.torchserve import balancing
from gateway.model_server.torchserve.backend import TorchServeBackend
from gateway.model_server.torchserve.discovery import INTERVAL_S, Discovery
from gateway.model_server.torchserve.instances import Instance

logger = logging.getLogger("gateway.backends")

Member = balancing.Member[TorchServeBackend]


class Membership:
    """Follows what ``discovery`` finds. ``make`` makes the backend of one. ``clock`` gives monotonic seconds."""

    def __init__(
        self, discovery: Discovery, make: Callable[[Instance], TorchServeBackend], clock: Callable[[], float]
    ) -> None:
        self._discovery = discovery
        self._make = make
        self._clock = clock
        self._members: dict[Instance, Member] = {}
        self._checks: dict[Member, asyncio.Task[None]] = {}
        #: Those that are no longer found, until their last request is answered.
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def members(self) -> list[Member]:
        """Those that are known."""
        return list(self._members.values())

    async def known(self) -> list[Member]:
        """Return those that are known; look for them if there is none."""
        if not self._members:
            await self.find()
        return self.members

    async def find(self, interval_s: float = INTERVAL_S) -> None:
        """Look the names up, unless that was done less than ``interval_s`` ago, and follow what was found."""
        await self._discovery.refresh(interval_s)
        found = self._discovery.instances
        for instance in self._members.keys() - set(found):
            member = self._members.pop(instance)
            logger.info("a TorchServe is gone", extra={"instance": member.name})
            task = asyncio.create_task(self._leave(member))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        for instance in found:
            if instance not in self._members:
                self._members[instance] = Member(instance.name, self._make(instance), self._clock)
                logger.info("a TorchServe was found", extra={"instance": instance.name})

    async def check(self) -> Sequence[Readiness]:
        """Find them and ask each whether it is ready; return what is known of each.

        Those that are out are waited for only if no other one is ready.
        """
        await self.find()
        members = self.members
        checks = {member: self._check(member) for member in members}
        if used := [checks[member] for member in members if member.in_rotation]:
            await asyncio.wait(used)
        if checks and not any(member.usable for member in members):
            await asyncio.wait(checks.values())
        return [member.readiness for member in members if member.readiness is not None]

    async def aclose(self) -> None:
        """Stop looking and checking, and close all connections."""
        await self._discovery.aclose()
        tasks = [*self._checks.values(), *self._leaving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(member.backend.aclose() for member in self._members.values()))

    def _check(self, member: Member) -> asyncio.Task[None]:
        """Return the readiness check of a TorchServe that is under way, or begin one."""
        if member not in self._checks:
            self._checks[member] = asyncio.create_task(self._ask(member))
        return self._checks[member]

    async def _ask(self, member: Member) -> None:
        asked = self._clock()
        try:
            if member.found(await member.backend.ready(), asked):
                state = member.state()
                facts = {"instance": member.name, "ready": state.ready, "reason": state.reason}
                logger.info("a TorchServe is in" if member.usable else "a TorchServe is out", extra=facts)
        finally:
            del self._checks[member]

    async def _leave(self, member: Member) -> None:
        try:
            while member.outstanding or member in self._checks:  # noqa: ASYNC110  (nobody else waits for it)
                await asyncio.sleep(0.1)
        finally:
            await member.backend.aclose()
