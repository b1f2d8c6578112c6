"""TorchServe's management API as a function from request to answer, with the real one's statuses, and a store.

One fake is one model. The other models of a server are fakes that it passes their requests to.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ops.paths import MODEL, current_archive, kept_archive, model_of, store_of
from ops.store import archive, inventory, releases, routing
from ops.torchserve.client import Server
from ops.torchserve.host import Host

Fault = Callable[["FakeServer"], httpx.Response | None]


def write_archive(store: Path, version: str, weights: bytes = b"weights", padding: int = 0) -> Path:
    """A kept archive of the store's model, with all that release operations read of one."""
    metadata = {
        "version": version,
        "created": f"2026-01-01T00:00:0{len(list(store.glob('*.mar')))}+00:00",
        "task": "detect",
        "source": {"sha256": hashlib.sha256(weights).hexdigest()},
        "note": f"note of {version}",
    }
    store.mkdir(parents=True, exist_ok=True)
    path = kept_archive(version, store)
    with zipfile.ZipFile(path, "w") as mar:
        mar.writestr("yolo.json", json.dumps(metadata))
        if model_of(store) != MODEL:  # archives of the first releases of this project say nothing else either
            mar.writestr(archive.MANIFEST, json.dumps({"model": {"modelName": model_of(store)}}))
        mar.writestr("best.pt", weights + bytes(padding))
    return path


def make_current(store: Path, version: str) -> None:
    """What `cp yolo-V.mar yolo.mar` does."""
    current_archive(store).write_bytes(kept_archive(version, store).read_bytes())


@dataclass
class FakeServer:
    """Versions with the states of their workers. `down`: it does not answer."""

    store: Path
    default: str = "1.0"
    workers: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: {"1.0": [("READY", 100)]})
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    #: What happens instead when a request begins with this, such as "PUT /models/yolo/1.1/set-default".
    faults: dict[str, Fault] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    down: bool = False
    startup_timeout_s: int = 120
    #: Of each worker.
    memory_bytes: int = 0
    #: The minimum of workers that was asked for, by version.
    minimum: dict[str, int] = field(default_factory=dict)
    #: The other models by name.
    others: dict[str, FakeServer] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model of the store."""
        return model_of(self.store)

    def serve(self, model: str, version: str = "1.0", weights: bytes = b"other") -> FakeServer:
        """Serve another model as well, from an archive made for it."""
        store = store_of(model, self.store)
        write_archive(store, version, weights)
        make_current(store, version)
        releases.save(store, inventory.look(store)[0])
        self.others[model] = FakeServer(store, version, {version: [("READY", 400)]})
        return self.others[model]

    def unload(self) -> None:
        """What happens to the model when nobody asks for it."""
        self.workers[self.default] = []
        self.minimum[self.default] = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        call = f"{request.method} {request.url.path}"
        if call.startswith(("POST", "PUT", "DELETE")) and "predictions" not in call:
            self.calls.append(call)
        fault = next((fault for prefix, fault in self.faults.items() if call.startswith(prefix)), None)
        if fault is not None:
            answer = fault(self)
            if answer is not None:
                return answer
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        segments = request.url.path.strip("/").split("/")
        if call == "GET /models":
            entries = [{"modelName": name, "modelUrl": f"{name}.mar"} for name in [self.model, *sorted(self.others)]]
            return httpx.Response(200, json={"models": entries})
        named = request.url.params.get("model_name") if call == "POST /models" else segments[1]
        if call == "POST /models" and named != self.model and named not in self.others:
            version = request.url.params["url"].removeprefix(f"{named}-").removesuffix(".mar")
            self.others[named] = FakeServer(store_of(named, self.store), version, {})
        if named in self.others:
            answer = self.others[named](request)
            if not self.others[named].workers:
                del self.others[named]
            return answer
        match [request.method, *segments]:
            case ["GET", "models", self.model]:
                return self._described([self.default])
            case ["GET", "models", self.model, "all"]:
                return self._described(list(self.workers))
            case ["GET", "models", self.model, version]:
                return self._described([version]) if version in self.workers else error(404, "no such version")
            case ["POST", "models"]:
                version = request.url.params["url"].removeprefix(f"{self.model}-").removesuffix(".mar")
                if version in self.workers:
                    return error(409, f"Model version {version} is already registered for model {self.model}")
                self.workers[version] = []
                return httpx.Response(200, json={"status": "registered"})
            case ["PUT", "models", self.model, version, "set-default"]:
                self.default = version
                return httpx.Response(200, json={"status": "done"})
            case ["PUT", "models", self.model, version]:
                number = int(request.url.params["min_worker"])
                self.workers[version] = [("READY", 200 + index) for index in range(number)]
                self.minimum[version] = number
                return httpx.Response(202, json={"status": "processing"})
            case ["DELETE", "models", self.model, version]:
                if version == self.default and len(self.workers) > 1:
                    return error(403, f"Cannot remove default version for model {self.model}")
                if self.workers.pop(version, None) is None:
                    return error(404, "no such version")
                return httpx.Response(200, json={"status": "unregistered"})
            case ["POST", "predictions", self.model]:
                return self._predicted(self.default)
            case ["POST", "predictions", self.model, version]:
                return self._predicted(version)
        if segments[0] in ("models", "predictions") and named != self.model:
            return error(404, f"Model not found: {named}")
        raise AssertionError(f"the fake knows no {call}")

    def restarts(self, beside: bool = False) -> None:
        """Come back as the real one does: with what yolo.mar is; and `beside` it, unless something is amiss there,
        with what routing.json names.
        """
        for name in list(self.others):
            if current_archive(store_of(name, self.store)).is_file():
                self.others[name].restarts(beside)
            else:
                del self.others[name]
        with zipfile.ZipFile(current_archive(self.store)) as mar:
            self.default = json.loads(mar.read("yolo.json"))["version"]
        present = routing.read_or_empty(self.store)
        named = [version for part in routing.PARTS for version in present.versions(part)] if beside else []
        self.workers = {version: [("READY", 300)] for version in [self.default, *named]}

    def host(self, model: str = MODEL) -> Host:
        """A host that somebody else keeps running, as Compose does."""
        server = Server("http://management", "http://inference", httpx.MockTransport(self), model)
        return Host(server, store_of(model, self.store), compose=True)

    def _described(self, versions: list[str]) -> httpx.Response:
        return httpx.Response(
            200,
            json=[
                {
                    "modelVersion": version,
                    "modelUrl": f"{self.model}-{version}.mar",
                    "minWorkers": self.minimum.get(version, 1) and max(1, len(self.workers[version])),
                    "maxWorkers": max(1, len(self.workers[version])),
                    "batchSize": 4,
                    "maxBatchDelay": 7,
                    "responseTimeout": 60,
                    "startupTimeout": self.startup_timeout_s,
                    "jobQueueStatus": {"pendingRequests": 0},
                    "workers": [
                        {"status": state, "pid": pid, "memoryUsage": self.memory_bytes}
                        for state, pid in self.workers[version]
                    ],
                    "customizedMetadata": {"names": self.names.get(version, {"0": "person"})},
                }
                for version in versions
            ],
        )

    def _predicted(self, version: str) -> httpx.Response:
        if version not in self.workers:
            return error(404, "no such version")
        if self.minimum.get(version) == 0:
            return error(503, f"Model {self.model} has no worker to serve inference request")
        box = {"xyxy": [1.0, 2.0, 3.0, 4.0], "conf": 0.9, "name": "person"}
        entry = {"boxes": [box] * self.found.get(version, 2), "task": "detect", "model": {"version": version}}
        return httpx.Response(200, json=[entry])


def error(status: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"code": status, "type": "Some", "message": message})
