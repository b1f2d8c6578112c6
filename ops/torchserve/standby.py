"""A version beside the running one: registered, READY, checked on the samples, and gone again."""

from __future__ import annotations

from ops.paths import kept_archive
from ops.samples import pictures
from ops.terminal.steps import Steps
from ops.torchserve import drain, smoke_test
from ops.torchserve.client import Loaded
from ops.torchserve.host import Host
from ops.torchserve.smoke_test import Asked

# Beyond TorchServe's own limit for a worker that loads: the time of the server itself.
READY_GRACE_S = 15.0


class Beside:
    """What is done with versions that clients are not sent to. `running` is the one that answers by default."""

    def __init__(self, host: Host, steps: Steps, running: Loaded) -> None:
        self.host, self.server, self.store = host, host.server, host.store
        self.steps, self.running = steps, running
        self.pictures = pictures()

    @property
    def picture(self) -> bytes:
        """One picture, to see that something answers."""
        return next(iter(self.pictures.values()))

    @property
    def workers(self) -> int:
        """How many workers a version gets: as many as the running one."""
        return max(self.running.min_workers, 1)

    def load(self, version: str, workers: int | None = None) -> None:
        """Register a kept version and wait until it can answer; what was there under its name goes first.

        `workers` fewer than the running version has are READY sooner; `complete` brings up the others.
        """
        with self.steps.step(f"register {version} beside {self.running.version}"):
            self.server.unregister(version)  # what an operation that was killed may have left
            self.register(version, workers)
        self.wait_ready(version)

    def complete(self, version: str) -> None:
        """Bring up the workers that `load` left out, while the version answers already."""
        if self.server.version(version).min_workers < self.workers:
            with self.steps.step(f"bring up the other workers of {version}"):
                self.server.scale(version, self.workers)
                self.await_ready(version)

    def ensure(self, version: str) -> None:
        """Load a version unless it is loaded: a server that was restarted may have come back without it."""
        if version in {loaded.version for loaded in self.server.versions()}:
            self.wait_ready(version)
        else:
            self.load(version)

    def is_ready(self, version: str) -> bool:
        """Tell whether a version is loaded and all its workers are READY."""
        found = [loaded for loaded in self.server.versions() if loaded.version == version]
        return bool(found) and found[0].ready

    def register(self, version: str, workers: int | None = None) -> None:
        """Register a kept version with the workers, or fewer, and the settings of the running one."""
        self.server.register(kept_archive(version, self.store).name, self.running)
        self.server.scale(version, workers or self.workers)

    def wait_ready(self, version: str) -> None:
        """Wait for its workers, as a step."""
        with self.steps.step("wait until its workers are READY") as remarks:
            remarks.append(f"{len(self.await_ready(version).workers)} worker(s)")

    def await_ready(self, version: str) -> Loaded:
        """Return the version when its workers are READY. Raises OpsError when one dies, or at the deadline."""
        deadline_s = self.running.startup_timeout_s + READY_GRACE_S
        return smoke_test.await_ready(lambda: self.server.version(version), f"version {version}", deadline_s)

    def check(self, version: str, *, compare: bool, accept_drift: bool) -> None:
        """Ask it about the samples; with `compare`, hold its answers against the running version's.

        Raises OpsError when an answer is none, DriftError when they differ too much and that is not accepted.
        """
        new = Asked(self.server, version, f"version {version}")
        if compare:  # a version that has served before need not be waited for twice: its first answers are the check
            with self.steps.step("warm up"):
                new.warm(self.pictures)
        with self.steps.step(f"check it on {len(self.pictures)} sample(s)") as remarks:
            after = new.answers(self.pictures)
            remarks.append(f"found {smoke_test.found(after)}")
            if compare:
                running = Asked(self.server, self.running.version, self.running.version)
                smoke_test.compare(self.pictures, after, new, running, remarks, accept_drift=accept_drift)

    def unload(self, version: str) -> None:
        """Let a version that gets no new requests answer those it has, then remove it. Raises as the server does."""
        with self.steps.step(f"drain {version}") as remarks:
            remarks.append(drain.drain(self.server, version, self.picture))
        with self.steps.step(f"unregister {version}"):
            self.server.unregister(version)
