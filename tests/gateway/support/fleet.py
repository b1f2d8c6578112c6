"""Several fake TorchServes behind one name: each has a loopback address of its own, and the same port."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.model_server.torchserve.backend import TorchServeBackend
from gateway.model_server.torchserve.balanced import BalancedBackend
from gateway.model_server.torchserve.discovery import Discovery
from gateway.model_server.torchserve.instances import Endpoint
from gateway.settings import Settings
from tests.gateway.support.fake_torchserve import FakeTorchServe, serving

HOST = "torchserve.test"


class Fleet:
    """The fakes by address. ``addresses`` is what the name is looked up to; tests change it."""

    def __init__(self) -> None:
        self.fakes: dict[str, FakeTorchServe] = {}
        self.addresses: list[str] = []
        self.port = 0
        self._running: dict[str, contextlib.ExitStack] = {}

    def start(self, address: str) -> FakeTorchServe:
        fake = self.fakes.setdefault(address, FakeTorchServe())
        stack = self._running[address] = contextlib.ExitStack()
        self.port = urlsplit(stack.enter_context(serving(fake, address=(address, self.port)))).port or 0
        if address not in self.addresses:
            self.addresses.append(address)
        return fake

    def kill(self, address: str) -> None:
        """End it at once, with the requests that it has; the name still has its address."""
        self._running.pop(address).close()

    def reset(self) -> None:
        """Bring all back as they were."""
        for address in list(self.fakes):
            self.fakes[address].reset()
            if address not in self._running:
                self.start(address)
        self.addresses = list(self.fakes)

    def stop(self) -> None:
        for address in list(self._running):
            self.kill(address)

    def backend(self, settings: Settings) -> BalancedBackend:
        async def look_up(host: str) -> list[str]:
            assert host == HOST
            return list(self.addresses)

        url = f"http://{HOST}:{self.port}"
        discovery = Discovery([Endpoint(url, url)], look_up)
        return BalancedBackend(
            discovery, lambda instance: TorchServeBackend(settings, instance), settings.read_timeout_s
        )

    def got(self) -> list[int]:
        """Return how many predictions each got."""
        return [len(fake.predictions) for fake in self.fakes.values()]

    @property
    def urls(self) -> str:
        """A list for the setting."""
        return ",".join(f"http://{address}:{self.port}" for address in self.fakes)


@contextlib.contextmanager
def running_fleet(number: int = 3) -> Iterator[Fleet]:
    """Run some fakes until the block ends."""
    fleet = Fleet()
    try:
        for last in range(2, number + 2):  # connections to them come from ports of 127.0.0.1
            fleet.start(f"127.0.0.{last}")
        yield fleet
    finally:
        fleet.stop()
