"""One look at the service: each part is asked, and one that does not answer is said to be so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ops.errors import OpsError
from ops.gateways import metrics, readiness
from ops.gateways.metrics import Scrape
from ops.gateways.readiness import Readiness
from ops.paths import OTHER_MODELS, STORE
from ops.store import audit, bluegreen, routing
from ops.torchserve import host
from ops.torchserve.client import Loaded
from ops.torchserve.host import Host
from ops.watch import programs
from ops.watch.programs import Program

AUDIT_LINES = 5


@dataclass(frozen=True)
class Version:
    """A loaded version of a model. `part`: what routing gives it, such as `current` or `canary 10 %`.

    `waiting` requests are in TorchServe's queue. `memory_bytes` is 0 where that cannot be seen.
    """

    model: str
    version: str
    part: str = ""
    ready: int = 0
    workers: int = 0
    waiting: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Look:
    """What was seen at one moment. `notes` say what could not be seen, `scrape` is None without metrics."""

    readiness: Readiness
    sides: str = ""
    programs: tuple[Program, ...] = ()
    versions: tuple[Version, ...] = ()
    scrape: Scrape | None = None
    audit: tuple[list[str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Watcher:
    """Looks at one service, again and again. Clients and the audit trail are kept between two looks."""

    gateway: str
    store: Path = STORE
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False))
    _hosts: dict[str, Host] = field(default_factory=dict)
    _trails: dict[Path, tuple[int, list[dict[str, Any]]]] = field(default_factory=dict)

    def look(self, at: float) -> Look:
        """Ask every part. Raises nothing but KeyboardInterrupt."""
        notes: list[str] = []
        seen = programs.running()
        scrape: Scrape | None = None
        versions: tuple[Version, ...] = ()
        sides = ""
        try:
            scrape = metrics.read(self.client, self.gateway, at)
        except OpsError as error:
            notes.append(f"no rates: {error}")
        try:
            sides = bluegreen.describe(self.store)
            versions = tuple(self._versions(native=bool(seen)))
        except OpsError as error:
            notes.append(f"no models: {error}")
        trail = tuple(audit.rows(self._last_entries()))
        return Look(readiness.ask(self.gateway), sides, seen, versions, scrape, trail, tuple(notes))

    def _versions(self, *, native: bool) -> Iterable[Version]:
        """Return the loaded versions of all models. Raises OpsError."""
        side = bluegreen.answering_side(self.store)
        if side not in self._hosts:
            self._hosts[side] = host.at(side, self.store)
        for name in self._hosts[side].server.models():
            one = self._hosts[side].of_model(name)
            default = one.server.default().version
            for loaded in one.server.versions():
                # From a container TorchServe's processes have other numbers.
                memory = sum(programs.resident(pid) for _, pid in loaded.workers) if native else loaded.memory_bytes
                yield describe(name, loaded, part(loaded.version, default, _routing(one.store)), memory)

    def _last_entries(self) -> list[dict[str, Any]]:
        """Return the last entries of all models' audit trails, oldest first. A trail is read when it has grown."""
        for store in (self.store, *(self.store / OTHER_MODELS).glob("*/")):
            path = store / audit.NAME
            size = path.stat().st_size if path.is_file() else 0
            if self._trails.get(store, (-1, []))[0] != size:
                self._trails[store] = size, audit.entries(store)[-AUDIT_LINES:]
        entries = [entry for _, trail in self._trails.values() for entry in trail]
        return sorted(entries, key=lambda entry: str(entry.get("at", "")))[-AUDIT_LINES:]


def describe(model: str, loaded: Loaded, part: str, memory_bytes: int) -> Version:
    """Return what is shown of a loaded version."""
    ready = sum(state == "READY" for state, _ in loaded.workers)
    return Version(
        model, loaded.version, part, ready, max(len(loaded.workers), loaded.min_workers), loaded.pending, memory_bytes
    )


def part(version: str, default: str, present: routing.Routing) -> str:
    """Return the part of a version in the routing, empty for one that gets no requests but those that name it."""
    if version == default:
        return "current"
    if present.canary and version == present.canary.version:
        return f"canary {present.canary.percent:g} %"
    if present.experiment and version in present.experiment.shares:
        return f"experiment {present.experiment.shares[version]:g} %"
    if present.shadow and version == present.shadow.version:
        return f"shadow {present.shadow.percent:g} %"
    return ""


def _routing(store: Path) -> routing.Routing:
    try:
        return routing.read(store)
    except OpsError:
        return routing.Routing()
