"""TorchServe, killed at each request of a release: the old version answers before its decision, the new one after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from ops.errors import OpsError
from ops.releases import redeploy, rollback
from ops.rollout import promotion, recovery
from ops.rollout.candidate import Packaging
from ops.torchserve import client
from ops.torchserve.client import Server
from ops.torchserve.host import Host
from tests.unit.ops.conftest import assert_consistent, serving
from tests.unit.ops.fake_server import FakeServer

OPERATIONS: dict[str, Callable[[Host], None]] = {
    "redeploy": lambda host: redeploy.redeploy(host, host.store / "best.pt", Packaging(packaged="1.1")),
    "rollback": lambda host: rollback.rollback(host, "1.1"),
}


@dataclass
class Mortal:
    """The server, killed at its `at`-th request: before it hears of it, or when it has done it and not yet said so.

    For the next `silent` requests nothing listens; then it is back with what yolo.mar holds.
    """

    server: FakeServer
    at: int
    done: bool
    silent: int
    asked: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.asked == self.at:
            if self.done:
                self.server(request)
            self.server.restarts()
            raise httpx.RemoteProtocolError("killed", request=request)
        if self.at < self.asked <= self.at + self.silent:
            raise httpx.ConnectError("refused", request=request)
        return self.server(request)

    def host(self) -> Host:
        server = Server("http://management", "http://inference", httpx.MockTransport(self))
        return replace(self.server.host(), server=server)


@pytest.mark.parametrize("silent", [0, 2])
@pytest.mark.parametrize("done", [False, True], ids=["before it hears of it", "when it has done it"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_each_request(tmp_path: Path, impatient, monkeypatch, name: str, done: bool, silent: int) -> None:
    monkeypatch.setattr(promotion, "POLL_S", 0.0)
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    outcomes = []
    at = 1
    while True:
        server = serving(tmp_path / str(at))
        server.workers["1.0"] = [("READY", 100), ("READY", 101)]
        mortal = Mortal(server, at, done, silent)
        failed = None
        try:
            OPERATIONS[name](mortal.host())
        except OpsError as error:
            failed = error
        if mortal.asked < at:
            break
        recovery.recover(server.host())
        assert_consistent(server)
        assert (server.default == "1.1") is (failed is None), f"killed at {at}: {failed}"
        outcomes.append(server.default)
        if name == "redeploy" and failed:
            assert not (server.store / "yolo-1.1.mar").exists(), f"killed at {at}: {failed}"
        at += 1
    assert failed is None
    assert set(outcomes) == {"1.0", "1.1"}
    begun = outcomes[outcomes.index("1.0") :]  # a rollback waits for a server that is starting when it is asked for
    assert begun == sorted(begun), "there is one moment of decision"
    assert name == "rollback" or begun == outcomes
